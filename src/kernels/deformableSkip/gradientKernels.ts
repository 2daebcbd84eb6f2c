import extentSource from '../../../shaders/deformableSkip/extent.wgsl';
import fastSource from '../../../shaders/deformableSkip/gradient-fast.wgsl';
import naiveSource from '../../../shaders/deformableSkip/gradient-naive.wgsl';
import spansSource from '../../../shaders/deformableSkip/spans.wgsl';
import { grid, type Launch, type Variant, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { writtenOut } from '../../gpu/unroll.js';
import { type DeformableSkipAttrs, quadsOf, settings } from './deformableSkip.js';

const naive = shader('deformableSkipGradient/naive', naiveSource);
const fast = writtenOut('deformableSkipGradient/fast', fastSource);
const spans = shader('deformableSkipGradient/spans', spansSource);
const extent = shader('deformableSkipGradient/extent', extentSource);

export const variants: readonly Variant<DeformableSkipAttrs>[] = [
  {
    name: 'fast',
    rejects: ({ arg: { gy, gx } }) => !vec4Ready(gy, gx) && 'channels, strides and offsets must be multiples of 4',
    launch: (call): Launch => {
      const { rows, channels, parts, images, params, constants } = settings(call, 'gx');
      const QUADS = quadsOf(channels);
      const count = (rows * channels) / (4 * QUADS);
      const main = { shader: fast({ QUADS }), constants, params: { ...params, count }, workgroups: grid(count, 64) };
      if (call.attrs.maskOn === 'source') return { dispatches: [main], scratch: { extent: 4 } };
      const lines = images * params.height * parts;
      return {
        dispatches: [
          { shader: spans, params: { ...params, count: lines }, workgroups: grid(lines, 64) },
          { shader: extent, params, workgroups: [parts, images, 1] },
          main,
        ],
        scratch: { spans: 2 * lines, extent: 8 * images * parts },
      };
    },
  },
  {
    name: 'naive',
    launch: (call): Launch => {
      const { rows, channels, params, constants } = settings(call, 'gx');
      const count = rows * channels;
      return {
        dispatches: [{ shader: naive, constants, params: { ...params, count }, workgroups: grid(count, 64) }],
      };
    },
  },
];
