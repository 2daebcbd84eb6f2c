import gradientSource from '../../../shaders/bceWithLogits/gradient.wgsl';
import gradientVec4Source from '../../../shaders/bceWithLogits/gradient-vec4.wgsl';
import naiveSource from '../../../shaders/bceWithLogits/naive.wgsl';
import partialSource from '../../../shaders/bceWithLogits/partial.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, grid, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { chunksFor, combine } from '../sum/kernels.js';
import type { Attrs } from './bceWithLogits.js';

const naive = shader('bceWithLogits/naive', naiveSource);
const partial = shader('bceWithLogits/partial', partialSource);
const gradientNaive = shader('bceWithLogitsGradient/naive', gradientSource);
const gradientVec4 = shader('bceWithLogitsGradient/vec4', gradientVec4Source);

export const bceWithLogitsVariants: readonly Variant<Attrs>[] = [
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
];

export const bceWithLogitsGradientVariants: readonly Variant<Attrs>[] = [
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
];
