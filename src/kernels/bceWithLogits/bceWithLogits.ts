import { apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import { expectShape, TENSOR, Tensor } from '../../autograd/tensor.js';
import { anyOf, checked, numeric } from '../../gpu/arguments.js';
import { mul } from '../elementwise/elementwise.js';

const LABEL = /* @__PURE__ */ anyOf(
  numeric('in [0, 1]', (v) => v >= 0 && v <= 1),
  TENSOR,
);

export interface Attrs {
  /** The label of all logits, where they have none of their own. */
  label: number;
}

const args = { logits: strided, labels: { ...strided, optional: true } } as const;
const results = { y: f32 };

export type BceWithLogitsCall = CallOf<Attrs, typeof args, typeof results>;

/** y = 1/n · Σ [softplus(x) − label·x]. */
export const bceWithLogitsOp = defineOp({
  name: 'bceWithLogits',
  args,
  results,
  infer: ({ logits, labels }, _: Attrs) => {
    if (labels) expectShape('bceWithLogits', 'label', labels, logits.shape, 'the shape of logits');
    return { y: { shape: [1], dtype: 'f32' } };
  },
  // softplus′ = σ  ⇒  gx = gy/n · (σ(x) − label), and for the label −gy/n · x
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

/** gx = gy/n · (σ(x) − label). */
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
 * Mean binary cross-entropy of σ(logits), of any shape, against labels in [0, 1]: [1]. With p = σ(x) this is
 * −label·log p − (1 − label)·log(1 − p). The label is one number for all logits, as in both sides of the adversarial loss (spec §6:
 * 1 for real images and for the generator's, 0 for fake ones in the discriminator's step), or a tensor of the shape of logits, which
 * gets a gradient, too. Throws `UsageError` when a number is outside [0, 1], `ShapeError` when a tensor has another shape; the
 * values of a tensor are not looked at.
 */
export function bceWithLogits(...given: [logits: Tensor, label: number | Tensor]): Tensor {
  const [logits, label] = checked('bceWithLogits', { logits: TENSOR, label: LABEL }, given);
  const labels = label instanceof Tensor ? label : undefined;
  return apply(bceWithLogitsOp, { logits, labels }, { label: label instanceof Tensor ? 0 : label }).y;
}
