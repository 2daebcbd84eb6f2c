import { gradients } from '../../autograd/gradients.js';
import type { Arg, Call } from '../../autograd/kernel.js';
import { fedInput } from '../../autograd/leaves.js';
import { type Cost, defineOp, f32, node } from '../../autograd/op.js';
import { PARAMETERS, ParameterSet } from '../../autograd/parameters.js';
import { expectShape, type Node, TENSOR, TENSORS, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, FRACTION, type Kinds, NATURAL, numeric, POSITIVE } from '../../gpu/arguments.js';
import { ShapeError, UsageError } from '../../gpu/errors.js';

interface AdamAttrs {
  readonly set: ParameterSet;
  /** Moments of the gradients. */
  readonly m: ParameterSet;
  readonly v: ParameterSet;
}

/** What the kernels work on: one slab of the set, of its gradients and of its moments, each padded to a multiple of 64. */
export type AdamCall = Call<AdamAttrs, Readonly<Record<'hyper' | 'gradients' | 'weights' | 'm' | 'v', Arg>>>;

/** The input with the gradient of a parameter. */
const gradientName = (parameter: string) => `gradient of ${parameter}`;

/** Besides `hyper`, its inputs are the gradients of all parameters of the set. */
const adamOp = defineOp({
  name: 'adam',
  kind: 'update',
  args: { hyper: f32 },
  results: {},
  infer: (inputs: Readonly<Record<string, TensorType>>, { set }: AdamAttrs) => {
    for (const name of set.names) {
      const gradient = inputs[gradientName(name)];
      if (!gradient) throw new ShapeError('adam', `no gradient for parameter ${name}`);
      expectShape('adam', `the gradient of ${name}`, gradient, set.get(name).shape, 'the shape of the parameter');
    }
    return {};
  },
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { weights } }: AdamCall): Cost => ({ flops: 12 * weights.channels, bytes: 28 * weights.channels }),
  update: ({ set, m, v }) => ({ set, state: { m, v } }),
});

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

  constructor(...given: [set: ParameterSet, options?: AdamOptions]) {
    const [set, { learningRate = 2e-4, beta1 = 0.5, beta2 = 0.999, epsilon = 1e-8 } = {}] = checked(
      'new Adam',
      { set: PARAMETERS, 'options?': OPTIONS },
      given,
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
  minimize(...given: [loss: Tensor]): Node {
    const [loss] = checked('Adam.minimize', { loss: TENSOR }, given);
    return this.apply(gradients(loss, this.set.tensors));
  }

  /** The update for given gradients, one per parameter in order. */
  apply(...given: [gradients: readonly Tensor[]]): Node {
    const [parameterGradients] = checked('Adam.apply', { gradients: TENSORS }, given);
    const { set, m, v } = this;
    if (parameterGradients.length > set.names.length)
      throw new ShapeError('adam', `${parameterGradients.length} gradients for ${set.names.length} parameters`);
    const inputs: Record<string, Tensor> = { hyper: fedInput(`adam ${set.name}`, [8], 'f32', () => this.#hyper()) };
    for (const [i, name] of set.names.entries()) {
      const gradient = parameterGradients[i];
      if (gradient) inputs[gradientName(name)] = gradient;
    }
    return node(adamOp, inputs, { set, m, v });
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
  for (const n of set.names) moment.parameter(n, set.get(n).shape, () => 0);
  return moment;
}
