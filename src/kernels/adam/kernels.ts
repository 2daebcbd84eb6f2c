import scalarSource from '../../../shaders/adam/scalar.wgsl';
import vec4Source from '../../../shaders/adam/vec4.wgsl';
import { grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { AdamCall, Decay } from './adam.js';

const scalar = shader('adam/scalar', scalarSource);
const vec4 = shader('adam/vec4', vec4Source);

/** The override constant DECAY tells the kernels by these numbers how weights decay. */
const DECAY: Readonly<Record<Decay, number>> = { none: 0, coupled: 1, decoupled: 2 };

const vec4Variant: Variant<AdamCall> = {
  name: 'vec4',
  launch: ({ arg: { weights, scale }, attrs }) => {
    const count = weights.channels;
    const constants = { DECAY: DECAY[attrs.rule], SCALED: Number(scale !== undefined) };
    return { dispatches: [{ shader: vec4, constants, params: { count }, workgroups: grid(count / 4, 64) }] };
  },
};

const reference: Variant<AdamCall> = {
  name: 'naive',
  launch: ({ arg: { weights, scale }, attrs }) => {
    const count = weights.channels;
    const constants = { DECAY: DECAY[attrs.rule], SCALED: Number(scale !== undefined) };
    return { dispatches: [{ shader: scalar, constants, params: { count }, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<AdamCall> = {
  variants: [vec4Variant, reference],
  reference,
  choose: () => ({ variant: vec4Variant, reason: 'slabs are padded to multiples of 4 elements' }),
};
