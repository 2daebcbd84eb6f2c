import earlySource from '../../../shaders/partMasks/early.wgsl';
import naiveSource from '../../../shaders/partMasks/naive.wgsl';
import { grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { PartMasksCall } from './partMasks.js';
import { sizes } from './sizes.js';

const naive = shader('partMasks/naive', naiveSource);
const earlyShader = shader('partMasks/early', earlySource);

const early: Variant<PartMasksCall> = {
  name: 'early',
  launch: (call) => {
    const { n, parts, height, width, scale } = sizes(call);
    const runs = Math.ceil(width / 4);
    const count = n * height * runs;
    const params = { count, width, height, runs, parts, scale };
    return { dispatches: [{ shader: earlyShader, params, workgroups: grid(count, 64) }] };
  },
};

const reference: Variant<PartMasksCall> = {
  name: 'naive',
  launch: (call) => {
    const { n, parts, height, width, scale } = sizes(call);
    const count = n * height * width;
    const params = { count, width, pixels: height * width, parts, scale };
    return { dispatches: [{ shader: naive, params, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<PartMasksCall> = {
  variants: [early, reference],
  reference,
  choose: () => ({
    variant: early,
    reason: 'an invocation computes four pixels and skips the parts that contain none of them',
  }),
};
