import extentCode from '../../../shaders/deformableSkip/extent.wgsl?raw';
import fastCode from '../../../shaders/deformableSkip/fast.wgsl?raw';
import gradientFastCode from '../../../shaders/deformableSkip/gradient-fast.wgsl?raw';
import gradientNaiveCode from '../../../shaders/deformableSkip/gradient-naive.wgsl?raw';
import naiveCode from '../../../shaders/deformableSkip/naive.wgsl?raw';
import reachCode from '../../../shaders/deformableSkip/reach.wgsl?raw';
import spansCode from '../../../shaders/deformableSkip/spans.wgsl?raw';
import { grid, type Launch, type Variant, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { type DeformableCall, type DeformableSkipAttrs, settings } from './deformableSkip.js';

const unaligned = 'channels, strides and offsets must be multiples of 4';
const naive = shader('deformableSkip/naive', naiveCode);
const fast = shader('deformableSkip/fast', fastCode);
const reach = shader('deformableSkip/reach', reachCode);
const gradientNaive = shader('deformableSkipGradient/naive', gradientNaiveCode);
const gradientFast = shader('deformableSkipGradient/fast', gradientFastCode);
const spans = shader('deformableSkipGradient/spans', spansCode);
const extent = shader('deformableSkipGradient/extent', extentCode);

/** The mean has no winner: its kernels find a dummy in the place of that result. */
const noWinner = (call: DeformableCall): Record<string, number> =>
  call.attrs.aggregate === 'mean' ? { winner: 1 } : {};

export const forwardVariants: Variant<DeformableSkipAttrs>[] = [
  {
    name: 'fast',
    rejects: ({ arg: { x, y } }) => !vec4Ready(x, y) && unaligned,
    launch: (call): Launch => {
      const { rows, channels, params, constants } = settings(call, 'x');
      const two = channels % 8 === 0;
      const count = (rows * channels) / (two ? 8 : 4);
      const main = {
        shader: fast,
        constants: { ...constants, TWO: Number(two) },
        params: { ...params, count },
        workgroups: grid(count, 64),
      };
      if (call.attrs.maskOn === 'target') return { dispatches: [main], scratch: { reach: 1, ...noWinner(call) } };
      const first = { shader: reach, params: { ...params, count: rows }, workgroups: grid(rows, 64) };
      return { dispatches: [first, main], scratch: { reach: rows, ...noWinner(call) } };
    },
  },
  {
    name: 'naive',
    launch: (call): Launch => {
      const { rows, channels, params, constants } = settings(call, 'x');
      const count = rows * Math.ceil(channels / 4);
      const main = { shader: naive, constants, params: { ...params, count }, workgroups: grid(count, 64) };
      return { dispatches: [main], scratch: noWinner(call) };
    },
  },
];

export const gradientVariants: Variant<DeformableSkipAttrs>[] = [
  {
    name: 'fast',
    rejects: ({ arg: { gy, gx } }) => !vec4Ready(gy, gx) && unaligned,
    launch: (call): Launch => {
      const { rows, channels, parts, images, params, constants } = settings(call, 'gx');
      const count = (rows * channels) / 4;
      const main = { shader: gradientFast, constants, params: { ...params, count }, workgroups: grid(count, 64) };
      if (call.attrs.maskOn === 'source') return { dispatches: [main], scratch: { extent: 4 } };
      const lines = images * params.height * parts;
      return {
        dispatches: [
          { shader: spans, params: { ...params, count: lines }, workgroups: grid(lines, 64) },
          { shader: extent, params, workgroups: [parts, images, 1] },
          main,
        ],
        scratch: { spans: 2 * lines, extent: 4 * images * parts },
      };
    },
  },
  {
    name: 'naive',
    launch: (call): Launch => {
      const { rows, channels, params, constants } = settings(call, 'gx');
      const count = rows * channels;
      return {
        dispatches: [{ shader: gradientNaive, constants, params: { ...params, count }, workgroups: grid(count, 64) }],
      };
    },
  },
];
