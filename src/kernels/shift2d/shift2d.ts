import naiveCode from '../../../shaders/shift2d/naive.wgsl?raw';
import vec4Code from '../../../shaders/shift2d/vec4.wgsl?raw';
import { applyOne, arg, grid, type Op, type Variant, vec4Ready } from '../../autograd/op.js';
import { formatShape, nhwc, type Tensor } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { shader } from '../../gpu/shader.js';

export interface ShiftAttrs {
  rows: number;
  cols: number;
  /** Value of what comes in from beyond the image. */
  outside: number;
}

function variant(name: string, code: string, step: 1 | 4): Variant<ShiftAttrs> {
  const kernel = shader(`shift2d/${name}`, code);
  return {
    name,
    rejects: ({ arg: { x, y } }) =>
      step === 4 && !vec4Ready(x, y) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => {
      const { rows, channels, shape } = arg(call, 'x');
      const count = (rows * channels) / step;
      const [height, width] = shape.slice(1) as [number, number];
      const params = { ...call.attrs, count, height, width, channels };
      return { dispatches: [{ shader: kernel, params, workgroups: grid(count, 64) }] };
    },
  };
}

export const shift2dOp: Op<ShiftAttrs> = {
  name: 'shift2d',
  args: ['x'],
  results: ['y'],
  strided: ['x', 'y'],
  infer: ([x], { rows, cols, outside }) => {
    nhwc('shift2d', 'x', x as Tensor);
    const given = `for x ${formatShape((x as Tensor).shape)}`;
    if (!Number.isInteger(rows) || !Number.isInteger(cols))
      throw new ShapeError('shift2d', `rows and cols must be whole pixels, got ${rows} and ${cols} ${given}`);
    if (!Number.isFinite(Math.fround(outside)))
      throw new ShapeError('shift2d', `outside must be a finite f32, got ${outside} ${given}`);
    return [x as Tensor];
  },
  // y(p) = x(p + s)  ⇒  gx(p) = gy(p − s), 0 where p − s is outside
  gradient: (node, [gy]) => {
    const { rows, cols } = node.attrs as ShiftAttrs;
    return [gy && applyOne(shift2dOp, [gy], { rows: -rows, cols: -cols, outside: 0 })];
  },
  variants: [variant('vec4', vec4Code, 4), variant('naive', naiveCode, 1)],
  cost: (call) => {
    const { rows, channels } = arg(call, 'x');
    return { flops: 0, bytes: 8 * rows * channels };
  },
};

/**
 * Images x [N, H, W, C] moved by whole pixels: y[n, i, j, c] = x[n, i + rows, j + cols, c], and `outside` (0 when absent)
 * where that lies beyond the image. The result has the shape of x. Throws `ShapeError`.
 */
export function shift2d(x: Tensor, shift: { rows: number; cols: number; outside?: number }): Tensor {
  const { rows, cols, outside = 0 } = shift;
  return applyOne(shift2dOp, [x], { rows, cols, outside });
}
