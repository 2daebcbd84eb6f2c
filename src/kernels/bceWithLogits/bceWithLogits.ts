import { apply, type CallOf, defineOp, f32, strided } from '../../autograd/op.js';
import { TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, numeric } from '../../gpu/arguments.js';

const LABEL = /* @__PURE__ */ numeric('in [0, 1]', (v) => v >= 0 && v <= 1);

export interface Attrs {
  label: number;
}

const args = { logits: strided };
const results = { y: f32 };

export type BceWithLogitsCall = CallOf<Attrs, typeof args, typeof results>;

/** y = 1/n · Σ [softplus(x) − label·x]. */
export const bceWithLogitsOp = defineOp({
  name: 'bceWithLogits',
  args,
  results,
  infer: (_, __: Attrs) => ({ y: { shape: [1], dtype: 'f32' } }),
  // softplus′ = σ  ⇒  gx = gy/n · (σ(x) − label)
  gradient: ({ logits }, { y: gy }, { attrs }) => ({
    logits: apply(bceWithLogitsGradientOp, { logits, gy }, attrs).gx,
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { logits } }) => ({
    flops: 8 * logits.rows * logits.channels,
    bytes: 4 * logits.rows * logits.channels,
  }),
});

const gradientArgs = { logits: strided, gy: f32 };
const gradientResults = { gx: strided };

export type BceWithLogitsGradientCall = CallOf<Attrs, typeof gradientArgs, typeof gradientResults>;

/** gx = gy/n · (σ(x) − label). */
export const bceWithLogitsGradientOp = defineOp({
  name: 'bceWithLogitsGradient',
  args: gradientArgs,
  results: gradientResults,
  infer: ({ logits }, _: Attrs) => ({ gx: logits }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { gx } }) => ({ flops: 5 * gx.rows * gx.channels, bytes: 8 * gx.rows * gx.channels }),
});

/**
 * Mean binary cross-entropy of σ(logits), of any shape, against one label in [0, 1]: [1]. With p = σ(x) this is
 * −label·log p − (1 − label)·log(1 − p), from which both sides of the adversarial loss are made (spec §6: label 1 for real
 * images and for the generator's, 0 for fake ones in the discriminator's step). `ShapeError` when the label is outside.
 */
export function bceWithLogits(...given: [logits: Tensor, label: number]): Tensor {
  const [logits, label] = checked('bceWithLogits', { logits: TENSOR, label: LABEL }, given);
  return apply(bceWithLogitsOp, { logits }, { label }).y;
}
