import { PARAMETERS, type ParameterSet } from '../../autograd/parameters.js';
import { checked, FRACTION, POSITIVE } from '../../gpu/arguments.js';
import { ClippingOptimizer, defineUpdate, type UpdateCall, type UpdateOptions, updateOptions } from '../update.js';

export interface AdamOptions extends UpdateOptions {
  /** The decay rate of the first moment, β₁. Default: 0.9. */
  beta1?: number;
  /** The decay rate of the second moment, β₂. Default: 0.999. */
  beta2?: number;
  /** The number ε that is added to √v̂. Default: 1e-8. */
  epsilon?: number;
  /** The weight decay λ. Default: 0 for Adam, 0.01 for AdamW. */
  weightDecay?: number;
}

/** Says how weights decay. `coupled` adds λw to the gradient; `decoupled` subtracts αλw from the weight. */
export type Decay = 'none' | 'coupled' | 'decoupled';
export type AdamCall = UpdateCall<Decay, 'm' | 'v'>;

const adamOp = defineUpdate<Decay, 'm' | 'v'>({
  name: 'adam',
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { weights } }) => ({ flops: 12 * weights.channels, bytes: 28 * weights.channels }),
});

const OPTIONS = /* @__PURE__ */ updateOptions({ 'beta1?': FRACTION, 'beta2?': FRACTION, 'epsilon?': POSITIVE });

/** Adam and AdamW share this class. Their moments are the parameter sets `state.m` and `state.v`. */
abstract class AdamRule extends ClippingOptimizer<'m' | 'v', Decay> {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;

  constructor(
    set: ParameterSet,
    options: AdamOptions,
    readonly decay: Decay,
  ) {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
    super(set, adamOp, weightDecay ? decay : 'none', options, ['m', 'v']);
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    this.weightDecay = weightDecay;
  }

  protected override hyper(learningRate: number, t: number): readonly number[] {
    const { beta1, beta2, epsilon, weightDecay } = this;
    return [
      learningRate / (1 - beta1 ** t),
      1 / Math.sqrt(1 - beta2 ** t),
      beta1,
      1 - beta1,
      beta2,
      1 - beta2,
      epsilon,
      this.decay === 'coupled' ? weightDecay : 1 - learningRate * weightDecay,
    ];
  }
}

/**
 * Adam (Kingma & Ba 2015, algorithm 1) for one parameter set, with PyTorch's defaults. Neighbouring parameters that have
 * a gradient share a dispatch. Weight decay λ adds λw to the gradient.
 */
export class Adam extends AdamRule {
  constructor(...given: [set: ParameterSet, options?: AdamOptions]) {
    const [set, options = {}] = checked('new Adam', { set: PARAMETERS, 'options?': OPTIONS }, given);
    super(set, options, 'coupled');
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2) and PyTorch's defaults. Every step first
 * multiplies the weights by 1 − αλ, where α is the learning rate.
 */
export class AdamW extends AdamRule {
  constructor(...given: [set: ParameterSet, options?: AdamOptions]) {
    const [set, options = {}] = checked('new AdamW', { set: PARAMETERS, 'options?': OPTIONS }, given);
    super(set, { ...options, weightDecay: options.weightDecay ?? 0.01 }, 'decoupled');
  }
}
