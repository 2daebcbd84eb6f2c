import type * as Core from '@tensorflow/tfjs-core';
import { vectorJacobian } from '../../src/autograd/gradients.js';
import { input } from '../../src/autograd/leaves.js';
import { type Shape, sizeOf, type Tensor, type TensorData } from '../../src/autograd/tensor.js';
import { valuesOf } from '../../src/bench/cases.js';
import { selects } from '../../src/bench/suite.js';
import { compile } from '../../src/compiler/compile.js';
import type { Plan } from '../../src/compiler/plan.js';
import type { Engine } from '../../src/gpu/engine.js';
import { UsageError } from '../../src/gpu/errors.js';
import { conv2d } from '../../src/kernels/conv2d/conv2d.js';
import { convTranspose2d } from '../../src/kernels/convTranspose2d/convTranspose2d.js';
import type { Tfjs } from './backend.js';

type Shape4 = readonly [number, number, number, number];

/**
 * A convolution without bias; x is [N, H, W, Cin], and w is [KH, KW, Cin, Cout], or [KH, KW, Cout, Cin] if transposed.
 */
export interface Layer {
  readonly name: string;
  readonly transposed: boolean;
  readonly x: Shape4;
  readonly w: Shape4;
  readonly stride: number;
  readonly pad: number;
}

export const PASSES = ['forward', 'input gradient', 'weight gradient'] as const;
export type Pass = (typeof PASSES)[number];

const layer = (name: string, x: Shape4, w: Shape4, stride: number, transposed = false): Layer => ({
  ...{ name, transposed, x, w, stride, pad: 1 },
});

/** Layers of the generator, the discriminator and VGG-19 at batch 4 of 128×64 pixels, and one of 256×256. */
export const LAYERS: readonly Layer[] = [
  layer('3×3 s1 21→64 @128×64', [4, 128, 64, 21], [3, 3, 21, 64], 1),
  layer('4×4 s2 64→128 @128×64', [4, 128, 64, 64], [4, 4, 64, 128], 2),
  layer('4×4 s2 128→256 @64×32', [4, 64, 32, 128], [4, 4, 128, 256], 2),
  layer('4×4 s2 256→512 @32×16', [4, 32, 16, 256], [4, 4, 256, 512], 2),
  layer('4×4 s2 512→512 @16×8', [4, 16, 8, 512], [4, 4, 512, 512], 2),
  layer('4×4 s2 512→512 @8×4', [4, 8, 4, 512], [4, 4, 512, 512], 2),
  layer('transposed 4×4 s2 1024→512 @8×4', [4, 8, 4, 1024], [4, 4, 512, 1024], 2, true),
  layer('transposed 4×4 s2 512→128 @32×16', [4, 32, 16, 512], [4, 4, 128, 512], 2, true),
  layer('conv1_2 3×3 64→64 @128×64', [4, 128, 64, 64], [3, 3, 64, 64], 1),
  layer('conv1_2 3×3 64→64 @256×256, batch 2', [2, 256, 256, 64], [3, 3, 64, 64], 1),
];

/**
 * The passes that a filter selects, with the rules of `pose-gan bench`. Throws `UsageError` that lists all if it selects
 * none.
 */
export function chosen(filter = ''): { layer: Layer; pass: Pass }[] {
  const all = LAYERS.flatMap((layer) => PASSES.map((pass) => ({ layer, pass })));
  const room = ({ transposed }: Layer) => (transposed ? 'convTranspose2d' : 'conv2d');
  const found = all.filter(({ layer, pass }) => selects(filter, room(layer), layer.name, pass, 'tfjs'));
  if (found.length) return found;
  const names = all.map(({ layer, pass }) => `${layer.name}, ${pass}`).join('\n');
  throw new UsageError(`no layer and pass matches --filter "${filter}"; choose among\n${names}`);
}

/** Operations of any pass of a layer: one multiply and one add per tap, channel pair and window. */
export function flopsOf(l: Layer): number {
  const [n, h, w] = l.transposed ? l.x : outputShape(l);
  return 2 * n * h * w * sizeOf(l.w);
}

function symbols(l: Layer): { x: Tensor; w: Tensor; y: Tensor } {
  const x = input('x', l.x);
  const w = input('w', l.w);
  return { x, w, y: (l.transposed ? convTranspose2d : conv2d)(x, w, { stride: l.stride, pad: l.pad }) };
}

function outputShape(l: Layer): Shape4 {
  return symbols(l).y.shape as Shape4;
}

/** Image, weights and upstream gradient: standard normal values, the same for both libraries. */
function valuesFor(l: Layer): Record<'x' | 'w' | 'gy', TensorData> {
  const values = (shape: Shape, seed: number) => valuesOf({ shape }, seed);
  return { x: values(l.x, 1), w: values(l.w, 2), gy: values(outputShape(l), 3) };
}

/** One pass of a layer, ready to run. */
export interface Candidate {
  /** Submits one run. */
  run(): void;
  /** Runs once and reads the result. */
  result(): Promise<Float32Array>;
  destroy(): void;
}

/** A pass on our engine: a plan of that op with the variant that the engine chooses. */
export async function ours(engine: Engine, l: Layer, pass: Pass): Promise<Candidate & { plan: Plan }> {
  const { x, w, y } = symbols(l);
  const gradient = () => vectorJacobian([y], [input('gy', y.shape)], [pass === 'input gradient' ? x : w])[0] as Tensor;
  const plan = await compile(engine, { result: pass === 'forward' ? y : gradient() });
  const values = Object.entries(valuesFor(l)).filter(([name]) => plan.inputNames.includes(name));
  plan.run(Object.fromEntries(values));
  return {
    plan,
    run: () => plan.run(),
    result: () => {
      plan.run();
      return plan.read('result');
    },
    destroy: () => plan.destroy(),
  };
}

/** The same pass with the ops that TensorFlow.js's own gradients of these two convolutions call. */
export function theirs(tfjs: Tfjs, l: Layer, pass: Pass): Candidate {
  const { tf } = tfjs;
  const values = valuesFor(l);
  const y = outputShape(l);
  const x = tfjs.tensor(values.x, l.x) as Core.Tensor4D;
  const w = tfjs.tensor(values.w, l.w) as Core.Tensor4D;
  const gy = tfjs.tensor(values.gy, y) as Core.Tensor4D;
  const convolve = (image: Core.Tensor4D): Core.Tensor => tf.conv2d(image, w, l.stride, l.pad);
  const transpose = (image: Core.Tensor4D, shape: Shape4): Core.Tensor =>
    tf.conv2dTranspose(image, w, [...shape], l.stride, l.pad);
  // The windows slide over `image`, and `windows` has one pixel per window.
  const weightGradient = (image: Core.Tensor4D, windows: Core.Tensor4D): Core.Tensor =>
    tf
      .engine()
      .runKernel(
        tf.Conv2DBackpropFilter,
        { x: image, dy: windows },
        { strides: l.stride, pad: l.pad, dataFormat: 'NHWC', filterShape: [...l.w] },
      ) as Core.Tensor;
  const passes: Record<Pass, () => Core.Tensor> = l.transposed
    ? {
        forward: () => transpose(x, y),
        'input gradient': () => convolve(gy),
        'weight gradient': () => weightGradient(gy, x),
      }
    : {
        forward: () => convolve(x),
        'input gradient': () => transpose(gy, l.x),
        'weight gradient': () => weightGradient(x, gy),
      };
  return {
    // Free the result and submit the commands at once, so that every run writes the same buffer, as ours does.
    run: () => {
      passes[pass]().dispose();
      tfjs.flush();
    },
    result: async () => {
      const result = passes[pass]();
      const found = await tfjs.read(result);
      result.dispose();
      return found;
    },
    destroy: () => {
      for (const t of [x, w, gy]) t.dispose();
      tfjs.flush();
    },
  };
}

/**
 * Largest difference of two results, relative to the largest value. It is infinite if their lengths differ, if one is not
 * finite, or if `want` is all zeros, as it is if nothing was computed.
 */
export function difference(got: Float32Array, want: Float32Array): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let [max, scale] = [0, 0];
  for (const [i, v] of want.entries()) {
    const d = Math.abs((got[i] as number) - v);
    if (!(d < Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
    max = Math.max(max, d);
    scale = Math.max(scale, Math.abs(v));
  }
  return scale === 0 ? Number.POSITIVE_INFINITY : max / scale;
}
