import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, numeric } from '../../gpu/arguments.js';

const LABEL = /* @__PURE__ */ numeric('in [0, 1]', (v) => v >= 0 && v <= 1);

export interface Attrs {
  label: number;
}

/** y = 1/n · Σ [softplus(x) − label·x]. */
export const bceWithLogitsOp: Op<Attrs> = {
  name: 'bceWithLogits',
  args: ['logits'],
  results: ['y'],
  strided: ['logits'],
  infer: () => [{ shape: [1], dtype: 'f32' }],
  // softplus′ = σ  ⇒  gx = gy/n · (σ(x) − label)
  gradient: (node, [gy]) => [gy && applyOne(bceWithLogitsGradientOp, [node.inputs[0], gy], node.attrs as Attrs)],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).bceWithLogitsVariants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'logits');
    return { flops: 8 * rows * channels, bytes: 4 * rows * channels };
  },
};

/** gx = gy/n · (σ(x) − label). */
export const bceWithLogitsGradientOp: Op<Attrs> = {
  name: 'bceWithLogitsGradient',
  args: ['logits', 'gy'],
  results: ['gx'],
  strided: ['logits', 'gx'],
  infer: ([logits]) => [logits as TensorType],
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).bceWithLogitsGradientVariants),
  cost: (call) => {
    const { rows, channels } = arg(call, 'gx');
    return { flops: 5 * rows * channels, bytes: 8 * rows * channels };
  },
};

/**
 * Mean binary cross-entropy of σ(logits), of any shape, against one label in [0, 1]: [1]. With p = σ(x) this is
 * −label·log p − (1 − label)·log(1 − p), from which both sides of the adversarial loss are made (spec §6: label 1 for real
 * images and for the generator's, 0 for fake ones in the discriminator's step). `ShapeError` when the label is outside.
 */
export function bceWithLogits(...args: [logits: Tensor, label: number]): Tensor {
  const [logits, label] = checked('bceWithLogits', { logits: TENSOR, label: LABEL }, args);
  return applyOne(bceWithLogitsOp, [logits], { label });
}
