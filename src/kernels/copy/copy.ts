import scalarCode from '../../../shaders/copy/scalar.wgsl?raw';
import vec4Code from '../../../shaders/copy/vec4.wgsl?raw';
import { applyOne, arg, grid, type Op, vec4Ready } from '../../autograd/op.js';
import type { Tensor } from '../../autograd/tensor.js';
import { shader } from '../../gpu/shader.js';

const scalar = shader('copy/scalar', scalarCode);
const vec4 = shader('copy/vec4', vec4Code);

/** y = x, from one channel range to another. The compiler inserts it where a concatenation or slice cannot be free. */
export const copyOp: Op<null> = {
  name: 'copy',
  args: ['x'],
  results: ['y'],
  strided: ['x', 'y'],
  infer: ([x]) => [x as Tensor],
  gradient: (_, [gy]) => [gy],
  variants: [
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
  ],
  cost: (call) => ({ flops: 0, bytes: 8 * arg(call, 'y').rows * arg(call, 'y').channels }),
};

/** A copy of `x` in storage of its own. */
export function copy(x: Tensor): Tensor {
  return applyOne(copyOp, [x], null);
}
