import { type Nd, nd } from '../oracle.js';

/** −label·log p − (1 − label)·log(1 − p) with p = 1 / (1 + e⁻ˣ): log p = −log(1 + e⁻ˣ), log(1 − p) = −log(1 + eˣ). */
export function bceWithLogits(x: Nd, label: number): Nd {
  const softplus = (v: number) => (v > 0 ? v + Math.log1p(Math.exp(-v)) : Math.log1p(Math.exp(v)));
  let sum = 0;
  for (const v of x.data) sum += label * softplus(-v) + (1 - label) * softplus(v);
  return nd([1], () => sum / x.data.length);
}

/** gx = gy/n · (p − label). */
export function bceWithLogitsGradient(x: Nd, label: number, gy: Nd): Nd {
  const g = (gy.data[0] as number) / x.data.length;
  return nd(x.shape, (i) => g * (1 / (1 + Math.exp(-(x.data[i] as number))) - label));
}
