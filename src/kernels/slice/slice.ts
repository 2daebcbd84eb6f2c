import { any, apply, type CallOf, type Cost, defineOp, strided } from '../../autograd/op.js';
import { channelsOf, formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, NUMBER } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

export interface SliceAttrs {
  start: number;
  end: number;
}

/** y = the channels [start, end) of x. It is a view, so no kernel runs. */
export const sliceOp = defineOp({
  name: 'slice',
  kind: 'view',
  args: { x: any },
  results: { y: any },
  infer: ({ x: { shape, dtype } }, { start, end }: SliceAttrs) => {
    const channels = channelsOf(shape);
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end <= start || end > channels)
      throw new ShapeError('slice', `channels [${start}, ${end}) are not within x ${formatShape(shape)}`);
    return { y: { shape: [...shape.slice(0, -1), end - start], dtype } };
  },
  // y = x[…, start:end]  ⇒  gx = gy in those channels, 0 elsewhere
  gradient: ({ x }, { y: gy }, { attrs: { start } }) => ({ x: padChannels(gy, start, channelsOf(x.shape)) }),
  view: (_inputs, _outputs, { start }) => [{ part: 'y', whole: 'x', channel: start }],
});

export interface PadAttrs {
  at: number;
  channels: number;
}

const padArgs = { x: strided };
const padResults = { y: strided };

export type PadCall = CallOf<PadAttrs, typeof padArgs, typeof padResults>;

/** y is x in the channels [at, at + C) and zero in the others. It is the adjoint of a slice. */
export const padChannelsOp = defineOp({
  name: 'padChannels',
  args: padArgs,
  results: padResults,
  epilogue: 'y',
  infer: ({ x }, { channels }: PadAttrs) => ({ y: { shape: [...x.shape.slice(0, -1), channels], dtype: 'f32' } }),
  gradient: ({ x }, { y: gy }, { attrs: { at } }) => ({ x: slice(gy, at, at + channelsOf(x.shape)) }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, y } }): Cost => ({ flops: 0, bytes: 4 * (x.rows * x.channels + y.rows * y.channels) }),
});

/** Returns the channels [start, end) of x [..., C]. In a plan it makes no copy. Throws `ShapeError`. */
export function slice(...given: [x: Tensor, start: number, end: number]): Tensor {
  const [x, start, end] = checked('slice', { x: TENSOR, start: NUMBER, end: NUMBER }, given);
  return apply(sliceOp, { x }, { start, end }).y;
}

/** Pads x [..., C] with zeros along the channels to [..., channels], where x begins at channel `at`. */
export function padChannels(x: Tensor, at: number, channels: number): Tensor {
  return apply(padChannelsOp, { x }, { at, channels }).y;
}

/** Has the value of x, but no gradient flows through it. */
export const detachOp = defineOp({
  name: 'detach',
  kind: 'view',
  args: { x: any },
  results: { y: any },
  infer: ({ x }, _: null) => ({ y: x }),
  gradient: () => ({}),
  view: () => [{ part: 'y', whole: 'x' }],
});

/** Has the value of x, but no gradient flows through it. */
export function detach(...given: [x: Tensor]): Tensor {
  const [x] = checked('detach', { x: TENSOR }, given);
  return apply(detachOp, { x }, null).y;
}
