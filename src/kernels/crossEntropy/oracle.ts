import { at, channelsOf, type Nd, nd } from '../oracle.js';

type Reduction = 'mean' | 'sum' | 'none';

/**
 * Returns the share of channel c in the target of a row. The label has all of it except what smoothing spreads. The
 * share is NaN if no channel is the label.
 */
function target(c: number, label: number, C: number, smoothing: number): number {
  if (label >= C) return Number.NaN;
  return (c === label ? 1 - smoothing : 0) + smoothing / C;
}

function logSumExp(row: Float64Array): number {
  const m = row.reduce((a, b) => Math.max(a, b));
  return m + Math.log(row.reduce((s, v) => s + Math.exp(v - m), 0));
}

const rowsOf = (x: Nd): Float64Array[] => {
  const C = channelsOf(x);
  return Array.from({ length: x.data.length / C }, (_, r) => x.data.subarray(r * C, r * C + C));
};

/** Returns the factor of the loss of each row. */
const factor = (x: Nd, reduction: Reduction): number => (reduction === 'mean' ? channelsOf(x) / x.data.length : 1);

/**
 * Returns Σ_c t_c · (log Σ e^x − x_c) of each row, its sum over all rows, or its mean. A term with the share 0 is 0
 * even if its other factor is infinite.
 */
export function crossEntropy(x: Nd, labels: Nd, smoothing: number, reduction: Reduction): Nd {
  const C = channelsOf(x);
  const losses = rowsOf(x).map((row, r) => {
    const all = logSumExp(row);
    return row.reduce((s, v, c) => {
      const t = target(c, at(labels, r), C, smoothing);
      return t === 0 ? s : s + t * (all - v);
    }, 0 * all);
  });
  if (reduction === 'none') return nd(labels.shape, (r) => losses[r] ?? Number.NaN);
  return nd([1], () => factor(x, reduction) * losses.reduce((a, b) => a + b, 0));
}

/** gx_c = gy · (e^(x_c − log Σ e^x) − t_c). */
export function crossEntropyGradient(x: Nd, labels: Nd, smoothing: number, reduction: Reduction, gy: Nd): Nd {
  const C = channelsOf(x);
  const sums = rowsOf(x).map(logSumExp);
  return nd(x.shape, (i) => {
    const [r, c] = [Math.floor(i / C), i % C];
    const g = factor(x, reduction) * at(gy, reduction === 'none' ? r : 0);
    return g * (Math.exp(at(x, i) - (sums[r] ?? Number.NaN)) - target(c, at(labels, r), C, smoothing));
  });
}
