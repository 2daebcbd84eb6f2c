import { at, channelsOf, type Nd, nd } from '../oracle.js';

/** Returns the elements of the row of element i. */
const rowOf = (x: Nd, i: number): Float64Array => {
  const C = channelsOf(x);
  const start = i - (i % C);
  return x.data.subarray(start, start + C);
};
const largest = (row: Float64Array): number => row.reduce((a, b) => Math.max(a, b));
const sum = (row: Float64Array, of: (v: number, i: number) => number): number =>
  row.reduce((s, v, i) => s + of(v, i), 0);

/** y = e^(x − m) / s of each row, m its largest x and s = Σ e^(x − m). */
export function softmax(x: Nd): Nd {
  return nd(x.shape, (i) => {
    const row = rowOf(x, i);
    const m = largest(row);
    return Math.exp(at(x, i) - m) / sum(row, (v) => Math.exp(v - m));
  });
}

/** y = x − m − log s. */
export function logSoftmax(x: Nd): Nd {
  return nd(x.shape, (i) => {
    const row = rowOf(x, i);
    const m = largest(row);
    return at(x, i) - m - Math.log(sum(row, (v) => Math.exp(v - m)));
  });
}

/** gx_k = Σ_c gy_c · ∂y_c/∂x_k with ∂y_c/∂x_k = y_c · ([c = k] − y_k). */
export function softmaxGradient(x: Nd, gy: Nd): Nd {
  const y = softmax(x);
  return nd(x.shape, (i) => {
    const [k, ys, gs] = [i % channelsOf(x), rowOf(y, i), rowOf(gy, i)];
    return sum(gs, (g, c) => g * (ys[c] ?? Number.NaN) * (Number(c === k) - (ys[k] ?? Number.NaN)));
  });
}

/** The same with ∂y_c/∂x_k = [c = k] − e^y_k. */
export function logSoftmaxGradient(x: Nd, gy: Nd): Nd {
  const y = softmax(x);
  return nd(x.shape, (i) => sum(rowOf(gy, i), (g, c) => g * (Number(c === i % channelsOf(x)) - at(y, i))));
}
