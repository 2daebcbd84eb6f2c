import { gradients } from '../../autograd/gradients.js';
import { fedInput, PARAMETERS, ParameterSet, type UpdateAttrs } from '../../autograd/leaves.js';
import { onDemand } from '../../autograd/on-demand.js';
import { apply, arg, type Op } from '../../autograd/op.js';
import { expectShape, type Node, TENSOR, TENSORS, type Tensor } from '../../autograd/tensor.js';
import { checked, FRACTION, type Kinds, NATURAL, numeric, POSITIVE } from '../../gpu/arguments.js';
import { ShapeError, UsageError } from '../../gpu/errors.js';

/** Inputs: `hyper`, then the gradient of every parameter of the set in order. Slabs are padded to a multiple of 64. */
export const adamOp: Op<UpdateAttrs> = {
  name: 'adam',
  kind: 'update',
  args: ['hyper'],
  results: [],
  infer: (inputs, { set }) => {
    for (const [i, t] of set.tensors.entries()) {
      const g = inputs[i + 1];
      if (!g) throw new ShapeError('adam', `no gradient for parameter ${t.name}`);
      expectShape('adam', `the gradient of ${t.name}`, g, t.shape, 'the shape of the parameter');
    }
    if (inputs.length > 1 + set.tensors.length)
      throw new ShapeError('adam', `${inputs.length - 1} gradients for ${set.tensors.length} parameters`);
    return [];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => ({ flops: 12 * arg(call, 'weights').channels, bytes: 28 * arg(call, 'weights').channels }),
};

export interface AdamOptions {
  /** Step size α; 2e-4 in the paper. */
  learningRate?: number;
  /** Decay of the first moment; 0.5 in the paper. */
  beta1?: number;
  /** Decay of the second moment. */
  beta2?: number;
  /** Added to √v̂. */
  epsilon?: number;
}

const RATE = /* @__PURE__ */ numeric('a number of 0 or more', (v) => v >= 0);
const OPTIONS: Kinds = { 'learningRate?': RATE, 'beta1?': FRACTION, 'beta2?': FRACTION, 'epsilon?': POSITIVE };

/**
 * Adam (Kingma & Ba 2015, algorithm 1) for one parameter set, all of it in one dispatch per slab. The moments are parameter
 * sets of their own (`m`, `v`) and can be read and written like weights; `step` is the number of updates made so far.
 */
export class Adam {
  learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly m: ParameterSet;
  readonly v: ParameterSet;
  step = 0;

  readonly set: ParameterSet;

  constructor(...args: [set: ParameterSet, options?: AdamOptions]) {
    const [set, { learningRate = 2e-4, beta1 = 0.5, beta2 = 0.999, epsilon = 1e-8 } = {}] = checked(
      'new Adam',
      { set: PARAMETERS, 'options?': OPTIONS },
      args,
    );
    if (set.tensors.length === 0) throw new UsageError(`Adam: parameter set ${set.name} is empty`);
    this.set = set;
    this.learningRate = learningRate;
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    set.close();
    this.m = moments(set, 'm');
    this.v = moments(set, 'v');
  }

  /** The update that lowers the scalar `loss`; give it to `compile(…, { update: [adam.minimize(loss)] })`. */
  minimize(...args: [loss: Tensor]): Node {
    const [loss] = checked('Adam.minimize', { loss: TENSOR }, args);
    return this.apply(gradients(loss, this.set.tensors));
  }

  /** The update for given gradients, one per parameter in order. */
  apply(...args: [gradients: readonly Tensor[]]): Node {
    const [parameterGradients] = checked('Adam.apply', { gradients: TENSORS }, args);
    const hyper = fedInput(`adam ${this.set.name}`, [8], 'f32', () => this.#hyper());
    return apply(adamOp, [hyper, ...parameterGradients], { set: this.set, state: { m: this.m, v: this.v } });
  }

  #hyper(): Float32Array {
    const { learningRate, step, beta1, beta2, epsilon } = this;
    checked('Adam', { learningRate: RATE, step: NATURAL }, [learningRate, step]);
    const t = ++this.step;
    return Float32Array.of(
      learningRate / (1 - beta1 ** t),
      1 / Math.sqrt(1 - beta2 ** t),
      beta1,
      1 - beta1,
      beta2,
      1 - beta2,
      epsilon,
      0,
    );
  }
}

function moments(set: ParameterSet, name: string): ParameterSet {
  const moment = new ParameterSet(`${set.name}.${name}`);
  for (const n of set.names) moment.add(n, set.get(n).shape, () => 0);
  return moment;
}
