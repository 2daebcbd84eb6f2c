import { PARAMETERS, type ParameterSet } from '../../autograd/parameters.js';
import { BOOLEAN, checked, FRACTION, NUMBER } from '../../gpu/arguments.js';
import { UsageError } from '../../gpu/errors.js';
import { ClippingOptimizer, defineUpdate, type UpdateCall, type UpdateOptions, updateOptions } from '../update.js';

export interface SGDOptions extends UpdateOptions {
  /** The momentum μ, the share of the velocity that a step keeps. Default: 0, with which no velocity is stored. */
  momentum?: number;
  /** Whether a step looks ahead along the velocity (Nesterov's momentum). Default: false. */
  nesterov?: boolean;
  /** The weight decay λ, which adds λw to the gradient. Default: 0. */
  weightDecay?: number;
  /** The dampening τ: after the first step, this share of the gradient does not enter the velocity. Default: 0. */
  dampening?: number;
}

export interface SGDRule {
  readonly momentum: boolean;
  readonly nesterov: boolean;
  readonly decay: boolean;
}

export type SGDCall = UpdateCall<SGDRule, 'velocity'>;

const sgdOp = defineUpdate<SGDRule, 'velocity'>({
  name: 'sgd',
  kernels: () => import('./kernels.js'),
  cost: ({ attrs, arg: { weights } }) => {
    const { momentum } = attrs.rule;
    return { flops: (momentum ? 5 : 2) * weights.channels, bytes: (momentum ? 20 : 12) * weights.channels };
  },
});

const OPTIONS = /* @__PURE__ */ updateOptions({ 'momentum?': FRACTION, 'nesterov?': BOOLEAN, 'dampening?': NUMBER });

/**
 * Stochastic gradient descent for one parameter set, as PyTorch defines it. A step computes v ← μv + (1 − τ)g, or v ← g
 * in the first step, and then w ← w − αv, or w ← w − α(g + μv) with Nesterov's momentum (Sutskever et al. 2013). With
 * momentum, the velocity v is the parameter set `state.velocity`. Neighbouring parameters that have a gradient share a
 * dispatch.
 */
export class SGD extends ClippingOptimizer<'velocity', SGDRule> {
  readonly momentum: number;
  readonly dampening: number;
  readonly weightDecay: number;

  constructor(...given: [set: ParameterSet, options?: SGDOptions]) {
    const [set, options = {}] = checked('new SGD', { set: PARAMETERS, 'options?': OPTIONS }, given);
    const { momentum = 0, nesterov = false, weightDecay = 0, dampening = 0 } = options;
    if (nesterov && (momentum === 0 || dampening !== 0))
      throw new UsageError(`new SGD: nesterov needs a momentum and no dampening, got ${momentum} and ${dampening}`);
    const rule = { momentum: momentum > 0, nesterov, decay: weightDecay > 0 };
    super(set, sgdOp, rule, options, momentum > 0 ? ['velocity'] : []);
    this.momentum = momentum;
    this.dampening = dampening;
    this.weightDecay = weightDecay;
  }

  protected override hyper(learningRate: number, t: number): readonly number[] {
    return [learningRate, this.weightDecay, this.momentum, t === 1 ? 1 : 1 - this.dampening];
  }
}
