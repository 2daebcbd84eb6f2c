import type { Nd } from '../src/kernels/oracle.js';

/** Normalised mean squared error Σ(a−b)² / Σb²; infinite where a is not finite. */
export function nmse(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let error = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    if (!Number.isFinite(x)) return Number.POSITIVE_INFINITY;
    error += (x - y) ** 2;
    norm += y ** 2;
  }
  return norm === 0 ? (error === 0 ? 0 : Number.POSITIVE_INFINITY) : error / norm;
}

export function dot(a: Nd, b: Nd): number {
  return a.data.reduce((s, x, i) => s + x * (b.data[i] as number), 0);
}

export function norm(a: Nd): number {
  return Math.sqrt(dot(a, a));
}
