import { apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import { expectShape, TENSOR, Tensor } from '../../autograd/tensor.js';
import { anyOf, checked, numeric } from '../../gpu/arguments.js';
import { mul } from '../elementwise/elementwise.js';

const LABEL = /* @__PURE__ */ anyOf(
  numeric('in [0, 1]', (v) => v >= 0 && v <= 1),
  TENSOR,
);

export interface Attrs {
  /** The label of all logits. It is not used when `labels` gives every logit a label of its own. */
  label: number;
}

const args = { logits: strided, labels: { ...strided, optional: true } } as const;
const results = { y: f32 };

export type BceWithLogitsCall = CallOf<Attrs, typeof args, typeof results>;

/** y = 1/n · Σ [softplus(x) − label·x], where x are the n logits. */
export const bceWithLogitsOp = defineOp({
  name: 'bceWithLogits',
  args,
  results,
  infer: ({ logits, labels }, _: Attrs) => {
    if (labels) expectShape('bceWithLogits', 'label', labels, logits.shape, 'the shape of logits');
    return { y: { shape: [1], dtype: 'f32' } };
  },
  // softplus′ = σ  ⇒  gx = gy/n · (σ(x) − label), and the gradient of the label is −gy/n · x
  gradient: ({ logits, labels }, { y: gy }, { attrs, needs }) => ({
    logits: needs.logits ? apply(bceWithLogitsGradientOp, { logits, labels, gy }, attrs).gx : undefined,
    labels: needs.labels ? mul(logits, mul(gy, -1 / logits.size)) : undefined,
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { logits, labels } }) => {
    const size = logits.rows * logits.channels;
    return { flops: 8 * size, bytes: (labels ? 8 : 4) * size };
  },
});

const gradientArgs = { ...args, gy: f32 };
const gradientResults = { gx: strided };

export type BceWithLogitsGradientCall = CallOf<Attrs, typeof gradientArgs, typeof gradientResults>;

/** gx = gy/n · (σ(x) − label), where x are the n logits. */
export const bceWithLogitsGradientOp = defineOp({
  name: 'bceWithLogitsGradient',
  args: gradientArgs,
  results: gradientResults,
  infer: ({ logits }, _: Attrs) => ({ gx: logits }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { gx, labels } }) => {
    const size = gx.rows * gx.channels;
    return { flops: 5 * size, bytes: (labels ? 12 : 8) * size };
  },
});

/**
 * Returns the mean binary cross-entropy of σ(logits) against labels in [0, 1], a tensor [1]. The logits may have any
 * shape. A logit x with p = σ(x) contributes −label·log p − (1 − label)·log(1 − p) to the mean.
 *
 * `label` is one number for all logits, or a tensor of the shape of the logits, which then gets a gradient as well. The
 * adversarial losses (spec §6) use a number: the discriminator's is 1 for real images and 0 for generated ones, and the
 * generator's is 1. Throws `UsageError` if a number is outside [0, 1], and `ShapeError` if a tensor has another shape.
 * The values of a tensor are not checked.
 */
export function bceWithLogits(...given: [logits: Tensor, label: number | Tensor]): Tensor {
  const [logits, label] = checked('bceWithLogits', { logits: TENSOR, label: LABEL }, given);
  const labels = label instanceof Tensor ? label : undefined;
  return apply(bceWithLogitsOp, { logits, labels }, { label: label instanceof Tensor ? 0 : label }).y;
}
