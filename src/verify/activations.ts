import { input } from '../autograd/leaves.js';
import { formatShape, type Shape, sameShape, sizeOf, type Tensor } from '../autograd/tensor.js';
import { compile } from '../compiler/compile.js';
import { FrozenWeights } from '../evaluation/frozen-weights.js';
import type { Engine } from '../gpu/engine.js';
import { ParameterStorage } from '../gpu/parameter-storage.js';
import { nchwToNhwc, nhwcToNchw } from '../kernels/layout.js';
import type { Nd } from '../kernels/oracle.js';
import { type Comparison, type FixtureFile, UnsupportedFixture } from '../kernels/room.js';
import { formulaInput, formulaTensors } from './formula.js';

/** What a file says about one activation. */
interface Activation {
  /** The file has every `step`-th element in PyTorch's order. */
  readonly step: number;
  /** The largest magnitude of all elements. */
  readonly max: number;
  readonly shape: Shape;
}

interface NetworkAttrs {
  readonly seed: number;
  /** The shape of the input, [N, C, H, W]. */
  readonly input: Shape;
  readonly input_scale: number;
  readonly activations: Readonly<Record<string, Activation>>;
}

/**
 * Runs a network on the weights and the input that a file names by formula, and compares the activations that the file has a part of.
 * `build` gives activations by name for images [N, H, W, C].
 */
export function checkActivations(
  { attrs, tensor }: FixtureFile,
  build: (weights: FrozenWeights, x: Tensor) => Readonly<Record<string, Tensor>>,
): { check(engine: Engine): Promise<Readonly<Record<string, Comparison>>> } {
  const { seed, input: shape, input_scale, activations } = attrs as unknown as NetworkAttrs;
  const image = nchwToNhwc({ shape, data: Float64Array.from(formulaInput(seed, sizeOf(shape), input_scale)) });
  return {
    check: async (engine) => {
      const weights = new FrozenWeights('network', formulaTensors(seed));
      const built = build(weights, input('image', image.shape));
      const outputs: Record<string, Tensor> = {};
      for (const name of Object.keys(activations)) {
        const found = built[name];
        if (!found)
          throw new UnsupportedFixture(`there is no activation ${name}, only ${Object.keys(built).join(', ')}`);
        outputs[name] = found;
      }
      const plan = await compile(engine, outputs);
      try {
        plan.run({ image: Float32Array.from(image.data) });
        const results: Record<string, Comparison> = {};
        for (const [name, { step, max, shape }] of Object.entries(activations)) {
          const all = inTorchOrder({
            shape: outputs[name]?.shape ?? [],
            data: Float64Array.from(await plan.read(name)),
          });
          if (!sameShape(all.shape, shape))
            throw new Error(`${name} is ${formatShape(all.shape)}, the file has ${formatShape(shape)}`);
          results[name] = { got: Array.from(all.data).filter((_, i) => i % step === 0), want: tensor(name).data };
          results[`max of ${name}`] = { got: [all.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0)], want: [max] };
        }
        return results;
      } finally {
        plan.destroy();
        // Three networks of 100 MB would not fit into small devices.
        ParameterStorage.of(engine, weights.set).destroy();
      }
    },
  };
}

/** Images with channels first, anything else as it is. */
const inTorchOrder = (x: Nd): Nd => (x.shape.length === 4 ? nhwcToNchw(x) : x);
