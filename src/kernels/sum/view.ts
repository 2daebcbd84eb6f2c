import { channelsOf, nhwc, rowsOf, type Shape, sizeOf, type TensorType } from '../../autograd/tensor.js';

/** Says what a sum runs over: everything, all but the last dimension, height and width, or the last dimension. */
export type Over = 'all' | 'rows' | 'pixels' | 'channels';

/** A tensor seen as outer × mid × inner, of which a sum removes mid. */
export interface View {
  readonly outer: number;
  readonly mid: number;
  readonly inner: number;
  /** The shape of the sum. */
  readonly reduced: Shape;
}

export function viewOf(op: string, x: TensorType, over: Over): View {
  const { shape } = x;
  const channels = channelsOf(shape);
  if (over === 'all') return { outer: 1, mid: sizeOf(shape), inner: 1, reduced: [1] };
  if (over === 'rows') return { outer: 1, mid: rowsOf(shape), inner: channels, reduced: [channels] };
  if (over === 'channels') {
    const reduced = shape.length > 1 ? shape.slice(0, -1) : [1];
    return { outer: rowsOf(shape), mid: channels, inner: 1, reduced };
  }
  const [n, h, w, c] = nhwc(op, op === 'broadcast' ? 'y' : 'x', x);
  return { outer: n, mid: h * w, inner: c, reduced: [n, c] };
}
