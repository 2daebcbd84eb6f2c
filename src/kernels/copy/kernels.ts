import scalarSource from '../../../shaders/copy/scalar.wgsl';
import vec4Source from '../../../shaders/copy/vec4.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, grid, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';

const scalar = shader('copy/scalar', scalarSource);
const vec4 = shader('copy/vec4', vec4Source);

export const variants: readonly Variant<null>[] = [
  {
    name: 'vec4',
    rejects: ({ arg: { x, y } }) => !vec4Ready(x, y) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => {
      const { rows, channels } = arg(call, 'y');
      const count = (rows * channels) / 4;
      return { dispatches: [{ shader: vec4, params: { channels, count }, workgroups: grid(count, 64) }] };
    },
  },
  {
    name: 'scalar',
    launch: (call) => {
      const { rows, channels } = arg(call, 'y');
      const count = rows * channels;
      return { dispatches: [{ shader: scalar, params: { channels, count }, workgroups: grid(count, 64) }] };
    },
  },
];
