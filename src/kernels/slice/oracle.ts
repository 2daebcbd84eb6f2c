import { type Nd, nd } from '../oracle.js';

/** The channels [start, end) of x. */
export function slice(x: Nd, start: number, end: number): Nd {
  const from = x.shape[x.shape.length - 1] as number;
  const channels = end - start;
  return nd(
    [...x.shape.slice(0, -1), channels],
    (i) => x.data[Math.floor(i / channels) * from + start + (i % channels)] as number,
  );
}

/** x in the channels [at, at + C) of `channels`, 0 in the others: the adjoint of a slice. */
export function padChannels(x: Nd, at: number, channels: number): Nd {
  const from = x.shape[x.shape.length - 1] as number;
  return nd([...x.shape.slice(0, -1), channels], (i) => {
    const c = (i % channels) - at;
    return c >= 0 && c < from ? (x.data[Math.floor(i / channels) * from + c] as number) : 0;
  });
}

/** a·b, element by element. */
export const product = (a: Nd, b: Nd): Nd => nd(a.shape, (i) => (a.data[i] as number) * (b.data[i] as number));
