import extentSource from '../../../shaders/deformableSkip/extent.wgsl';
import fastSource from '../../../shaders/deformableSkip/gradient-fast.wgsl';
import naiveSource from '../../../shaders/deformableSkip/gradient-naive.wgsl';
import spansSource from '../../../shaders/deformableSkip/spans.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { unrolledShader } from '../../gpu/unroll.js';
import type { DeformableSkipGradientCall } from './deformableSkip.js';
import { quadsOf, settings } from './settings.js';

const naive = shader('deformableSkipGradient/naive', naiveSource);
const fast = unrolledShader('deformableSkipGradient/fast', fastSource);
const spans = shader('deformableSkipGradient/spans', spansSource);
const extent = shader('deformableSkipGradient/extent', extentSource);

export const kernels: Kernels<DeformableSkipGradientCall> = vec4OrScalar(
  {
    name: 'fast',
    launch: ({ attrs, arg: { affine, gy, gx } }): Launch | string => {
      if (!vec4Ready(gy, gx)) return NEEDS_VEC4;
      const { rows, channels, parts, images, params, constants } = settings(attrs, gx, affine);
      const QUADS = quadsOf(channels);
      const count = (rows * channels) / (4 * QUADS);
      const main = { shader: fast({ QUADS }), constants, params: { ...params, count }, workgroups: grid(count, 64) };
      if (attrs.maskOn === 'source') return { dispatches: [main], scratch: { extent: 4 } };
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
    launch: ({ attrs, arg: { affine, gx } }) => {
      const { rows, channels, params, constants } = settings(attrs, gx, affine);
      const count = rows * channels;
      return {
        dispatches: [{ shader: naive, constants, params: { ...params, count }, workgroups: grid(count, 64) }],
      };
    },
  },
);
