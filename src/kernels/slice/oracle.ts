import { at, channelsOf, type Nd, nd } from '../oracle.js';

/** Returns the channels [start, end) of x. */
export function slice(x: Nd, start: number, end: number): Nd {
  const from = channelsOf(x);
  const channels = end - start;
  return nd([...x.shape.slice(0, -1), channels], (i) =>
    at(x, Math.floor(i / channels) * from + start + (i % channels)),
  );
}

/** Returns x in the channels [first, first + C) of `channels`, and 0 in the others. It is the adjoint of a slice. */
export function padChannels(x: Nd, first: number, channels: number): Nd {
  const from = channelsOf(x);
  return nd([...x.shape.slice(0, -1), channels], (i) => {
    const c = (i % channels) - first;
    return c >= 0 && c < from ? at(x, Math.floor(i / channels) * from + c) : 0;
  });
}

/** Returns a·b, element by element. */
export const product = (a: Nd, b: Nd): Nd => nd(a.shape, (i) => at(a, i) * at(b, i));
