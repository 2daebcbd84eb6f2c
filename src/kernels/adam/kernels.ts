import scalarSource from '../../../shaders/adam/scalar.wgsl';
import vec4Source from '../../../shaders/adam/vec4.wgsl';
import type { UpdateAttrs } from '../../autograd/leaves.js';
import type { Variant } from '../../autograd/op.js';
import { arg, grid } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';

const scalar = shader('adam/scalar', scalarSource);
const vec4 = shader('adam/vec4', vec4Source);

export const variants: readonly Variant<UpdateAttrs>[] = [
  {
    name: 'vec4',
    launch: (call) => {
      const count = arg(call, 'weights').channels;
      return { dispatches: [{ shader: vec4, params: { count }, workgroups: grid(count / 4, 64) }] };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const count = arg(call, 'weights').channels;
      return { dispatches: [{ shader: scalar, params: { count }, workgroups: grid(count, 64) }] };
    },
  },
];
