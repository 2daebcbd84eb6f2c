import scalarSource from '../../../shaders/adam/scalar.wgsl';
import vec4Source from '../../../shaders/adam/vec4.wgsl';
import { grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { AdamCall } from './adam.js';

const scalar = shader('adam/scalar', scalarSource);
const vec4 = shader('adam/vec4', vec4Source);

const vec4Variant: Variant<AdamCall> = {
  name: 'vec4',
  launch: ({ arg: { weights } }) => {
    const count = weights.channels;
    return { dispatches: [{ shader: vec4, params: { count }, workgroups: grid(count / 4, 64) }] };
  },
};

const reference: Variant<AdamCall> = {
  name: 'naive',
  launch: ({ arg: { weights } }) => {
    const count = weights.channels;
    return { dispatches: [{ shader: scalar, params: { count }, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<AdamCall> = {
  variants: [vec4Variant, reference],
  reference,
  choose: () => ({ variant: vec4Variant, reason: 'slabs are padded to multiples of 4 elements' }),
};
