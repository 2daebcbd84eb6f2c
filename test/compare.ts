import type { Nd } from '../src/kernels/oracle.js';

export { nmse } from '../src/bench/check-case.js';

export function dot(a: Nd, b: Nd): number {
  return a.data.reduce((s, x, i) => s + x * (b.data[i] as number), 0);
}

export function norm(a: Nd): number {
  return Math.sqrt(dot(a, a));
}
