import { at, type Nd, nd } from '../oracle.js';

/** y = 1/n · Σ |a − b|. */
export function l1(a: Nd, b: Nd): Nd {
  let sum = 0;
  for (const [i, v] of a.data.entries()) sum += Math.abs(v - at(b, i));
  return nd([1], () => sum / a.data.length);
}

/** Returns the gradients of a and b. The derivative of |t| is 1 for t > 0, −1 for t < 0, and 0 for t = 0. */
export function l1Gradient(a: Nd, b: Nd, gy: Nd): { a: Nd; b: Nd } {
  const g = at(gy, 0) / a.data.length;
  const ga = nd(a.shape, (i) => {
    const t = at(a, i) - at(b, i);
    return t > 0 ? g : t < 0 ? -g : 0;
  });
  return { a: ga, b: nd(a.shape, (i) => -at(ga, i)) };
}
