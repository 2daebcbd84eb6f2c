import { type Nd, nd } from '../oracle.js';

/** Value and derivative of each unary op of the table; k is its constant. */
export const unary: Record<string, { f: (x: number, k: number) => number; d: (x: number, k: number) => number }> = {
  relu: { f: (x) => Math.max(x, 0), d: (x) => (x > 0 ? 1 : 0) },
  leakyRelu: { f: (x, k) => (x > 0 ? x : k * x), d: (x, k) => (x > 0 ? 1 : k) },
  tanh: { f: Math.tanh, d: (x) => 1 - Math.tanh(x) ** 2 },
  sigmoid: { f: (x) => 1 / (1 + Math.exp(-x)), d: (x) => 1 / ((1 + Math.exp(-x)) * (1 + Math.exp(x))) },
  softplus: { f: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), d: (x) => 1 / (1 + Math.exp(-x)) },
  abs: { f: Math.abs, d: Math.sign },
  square: { f: (x) => x * x, d: (x) => 2 * x },
  sqrt: { f: Math.sqrt, d: (x) => 0.5 / Math.sqrt(x) },
  exp: { f: Math.exp, d: Math.exp },
  log: { f: Math.log, d: (x) => 1 / x },
  scale: { f: (x, k) => k * x, d: (_, k) => k },
  addScalar: { f: (x, k) => x + k, d: () => 1 },
};

/** Value and both partial derivatives of each binary op. */
export const binary: Record<
  string,
  { f: (a: number, b: number) => number; d: (a: number, b: number) => [number, number] }
> = {
  add: { f: (a, b) => a + b, d: () => [1, 1] },
  sub: { f: (a, b) => a - b, d: () => [1, -1] },
  mul: { f: (a, b) => a * b, d: (a, b) => [b, a] },
  div: { f: (a, b) => a / b, d: (a, b) => [1 / b, -a / (b * b)] },
  maximum: { f: Math.max, d: (a, b) => (a >= b ? [1, 0] : [0, 1]) },
};

export const map = (x: Nd, f: (v: number) => number): Nd => nd(x.shape, (i) => f(x.data[i] as number));
export const zip = (a: Nd, b: Nd, f: (u: number, v: number) => number): Nd =>
  nd(a.shape, (i) => f(a.data[i] as number, b.data[i] as number));
