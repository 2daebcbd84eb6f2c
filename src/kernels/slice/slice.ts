import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { channelsOf, formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, NUMBER } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';

export interface SliceAttrs {
  start: number;
  end: number;
}

/** y = the channels [start, end) of x; a view, so no kernel runs. */
export const sliceOp: Op<SliceAttrs> = {
  name: 'slice',
  kind: 'view',
  args: ['x'],
  results: ['y'],
  infer: ([x], { start, end }) => {
    const { shape, dtype } = x as Tensor;
    const channels = channelsOf(shape);
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end <= start || end > channels)
      throw new ShapeError('slice', `channels [${start}, ${end}) are not within x ${formatShape(shape)}`);
    return [{ shape: [...shape.slice(0, -1), end - start], dtype }];
  },
  // y = x[…, start:end]  ⇒  gx = gy in those channels, 0 elsewhere
  gradient: (node, [gy]) => {
    const x = node.inputs[0] as Tensor;
    const { start } = node.attrs as SliceAttrs;
    return [gy && applyOne(padChannelsOp, [gy], { at: start, channels: channelsOf(x.shape) })];
  },
  view: (_inputs, _outputs, { start }) => [{ part: 'y', whole: 'x', channel: start }],
  variants: [],
};

/** The adjoint of a slice: x in the channels [at, at + C), zero in the others. */
export const padChannelsOp: Op<{ at: number; channels: number }> = {
  name: 'padChannels',
  args: ['x'],
  results: ['y'],
  epilogue: 'y',
  strided: ['x', 'y'],
  infer: ([x], { channels }) => [{ shape: [...(x as Tensor).shape.slice(0, -1), channels], dtype: 'f32' }],
  gradient: (node, [gy]) => {
    const { at } = node.attrs as { at: number };
    return [gy && slice(gy, at, at + channelsOf((node.inputs[0] as Tensor).shape))];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).variants),
  cost: (call) => ({
    flops: 0,
    bytes: 4 * (arg(call, 'x').rows * arg(call, 'x').channels + arg(call, 'y').rows * arg(call, 'y').channels),
  }),
};

/** The channels [start, end) of x [..., C]; no copy is made in a plan. */
export function slice(...args: [x: Tensor, start: number, end: number]): Tensor {
  const [x, start, end] = checked('slice', { x: TENSOR, start: NUMBER, end: NUMBER }, args);
  return applyOne(sliceOp, [x], { start, end });
}

/** x [..., C] with zeros around it along the channels: [..., channels], x being the channels from `at`. */
export function padChannels(x: Tensor, at: number, channels: number): Tensor {
  return applyOne(padChannelsOp, [x], { at, channels });
}

/** The value of x, through which no gradient flows. */
export const detachOp: Op<null> = {
  name: 'detach',
  kind: 'view',
  args: ['x'],
  results: ['y'],
  infer: ([x]) => [x as Tensor],
  gradient: () => [undefined],
  view: () => [{ part: 'y', whole: 'x' }],
  variants: [],
};

/** The value of x, through which no gradient flows. */
export function detach(...args: [x: Tensor]): Tensor {
  return applyOne(detachOp, checked('detach', { x: TENSOR }, args), null);
}
