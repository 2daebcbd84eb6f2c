import gradientCode from '../../../shaders/bceWithLogits/gradient.wgsl?raw';
import gradientVec4Code from '../../../shaders/bceWithLogits/gradient-vec4.wgsl?raw';
import naiveCode from '../../../shaders/bceWithLogits/naive.wgsl?raw';
import partialCode from '../../../shaders/bceWithLogits/partial.wgsl?raw';
import { applyOne, arg, grid, type Op, vec4Ready } from '../../autograd/op.js';
import type { Tensor, TensorType } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor, combine } from '../sum/sum.js';

interface Attrs {
  label: number;
}

const naive = shader('bceWithLogits/naive', naiveCode);
const partial = shader('bceWithLogits/partial', partialCode);
const gradientNaive = shader('bceWithLogitsGradient/naive', gradientCode);
const gradientVec4 = shader('bceWithLogitsGradient/vec4', gradientVec4Code);

/** y = 1/n · Σ [softplus(x) − label·x]. */
export const bceWithLogitsOp: Op<Attrs> = {
  name: 'bceWithLogits',
  args: ['logits'],
  results: ['y'],
  strided: ['logits'],
  infer: (_, { label }) => {
    if (!(label >= 0 && label <= 1)) throw new ShapeError('bceWithLogits', `label must be in [0, 1], got ${label}`);
    return [{ shape: [1], dtype: 'f32' }];
  },
  // softplus′ = σ  ⇒  gx = gy/n · (σ(x) − label)
  gradient: (node, [gy]) => [gy && applyOne(bceWithLogitsGradientOp, [node.inputs[0], gy], node.attrs as Attrs)],
  variants: [
    {
      name: 'split',
      launch: (call) => {
        const { rows, channels } = arg(call, 'logits');
        const count = rows * channels;
        const chunks = chunksFor(count);
        const params = { count, chunks, channels, label: call.attrs.label };
        return {
          scratch: { partial: chunks },
          dispatches: [{ shader: partial, params, workgroups: grid(chunks, 64) }, combine(1, chunks, 1, 1 / count)],
        };
      },
    },
    {
      name: 'naive',
      launch: (call) => {
        const { rows, channels } = arg(call, 'logits');
        const count = rows * channels;
        const params = { count, channels, factor: 1 / count, label: call.attrs.label };
        return { dispatches: [{ shader: naive, params, workgroups: [1, 1, 1] }] };
      },
    },
  ],
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
  variants: [
    {
      name: 'vec4',
      rejects: ({ arg: { logits, gx } }) =>
        !vec4Ready(logits, gx) && 'channels, strides and offsets must be multiples of 4',
      launch: (call) => {
        const { rows, channels } = arg(call, 'gx');
        const count = (rows * channels) / 4;
        const params = { count, channels, factor: 1 / (rows * channels), label: call.attrs.label };
        return { dispatches: [{ shader: gradientVec4, params, workgroups: grid(count, 64) }] };
      },
    },
    {
      name: 'naive',
      launch: (call) => {
        const { rows, channels } = arg(call, 'gx');
        const count = rows * channels;
        const params = { count, channels, factor: 1 / count, label: call.attrs.label };
        return { dispatches: [{ shader: gradientNaive, params, workgroups: grid(count, 64) }] };
      },
    },
  ],
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
export function bceWithLogits(logits: Tensor, label: number): Tensor {
  return applyOne(bceWithLogitsOp, [logits], { label });
}
