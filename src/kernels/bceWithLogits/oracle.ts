import { at, type Nd, nd } from '../oracle.js';

/**
 * Returns the mean of −label·log p − (1 − label)·log(1 − p) with p = 1 / (1 + e⁻ˣ), so that log p = −log(1 + e⁻ˣ) and
 * log(1 − p) = −log(1 + eˣ). A logarithm whose factor is 0 contributes 0 even if it is infinite.
 */
export function bceWithLogits(x: Nd, label: number | Nd): Nd {
  const softplus = (v: number) => (v > 0 ? v + Math.log1p(Math.exp(-v)) : Math.log1p(Math.exp(v)));
  const term = (factor: number, v: number) => (factor ? factor * softplus(v) : 0);
  let sum = 0;
  for (const [i, v] of x.data.entries()) sum += term(labelOf(label, i), -v) + term(1 - labelOf(label, i), v);
  return nd([1], () => sum / x.data.length);
}

/** gx = gy/n · (p(x) − label) = gy/n · [(1 − label)·p(x) − label·p(−x)], because 1 − p(x) = p(−x). */
export function bceWithLogitsGradient(x: Nd, label: number | Nd, gy: Nd): Nd {
  const g = at(gy, 0) / x.data.length;
  const p = (v: number) => 1 / (1 + Math.exp(-v));
  return nd(x.shape, (i) => g * ((1 - labelOf(label, i)) * p(at(x, i)) - labelOf(label, i) * p(-at(x, i))));
}

/** Returns the gradient of the labels, which is −gy/n · x. */
export function labelGradient(x: Nd, gy: Nd): Nd {
  return nd(x.shape, (i) => (-at(gy, 0) / x.data.length) * at(x, i));
}

const labelOf = (label: number | Nd, i: number): number => (typeof label === 'number' ? label : at(label, i));
