import { add, at, type Nd, nd } from '../oracle.js';
import type { BinaryName, UnaryName } from './ops.js';

interface Unary {
  f(x: number, k: number): number;
  /** Returns the gradient of x from the gradient g of f(x). */
  gx(x: number, g: number, k: number): number;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/**
 * The value and the gradient of each unary op, where k is its constant. For NaN and at kinks they are those of PyTorch,
 * where sign(NaN) = 0.
 */
export const unary: Readonly<Record<UnaryName, Unary>> = {
  relu: { f: (x) => Math.max(x, 0), gx: (x, g) => (x <= 0 ? 0 : g) },
  relu6: { f: (x) => Math.min(Math.max(x, 0), 6), gx: (x, g) => (x <= 0 || x >= 6 ? 0 : g) },
  leakyRelu: { f: (x, k) => (x > 0 ? x : k * x), gx: (x, g, k) => (x > 0 ? g : k * g) },
  tanh: { f: Math.tanh, gx: (x, g) => g * (1 - Math.tanh(x) ** 2) },
  sigmoid: { f: sigmoid, gx: (x, g) => g / ((1 + Math.exp(-x)) * (1 + Math.exp(x))) },
  softplus: { f: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), gx: (x, g) => g * sigmoid(x) },
  abs: { f: Math.abs, gx: (x, g) => (x > 0 ? g : x < 0 ? -g : 0) },
  square: { f: (x) => x * x, gx: (x, g) => 2 * x * g },
  sqrt: { f: Math.sqrt, gx: (x, g) => (g * 0.5) / Math.sqrt(x) },
  exp: { f: Math.exp, gx: (x, g) => g * Math.exp(x) },
  log: { f: Math.log, gx: (x, g) => g / x },
  scale: { f: (x, k) => k * x, gx: (_, g, k) => k * g },
  addScalar: { f: (x, k) => x + k, gx: (_, g) => g },
};

interface Binary {
  f(a: number, b: number): number;
  /** Returns both partial derivatives. */
  d(a: number, b: number): [number, number];
}

/** The value and the partial derivatives of each binary op. */
export const binary: Readonly<Record<BinaryName, Binary>> = {
  add: { f: (a, b) => a + b, d: () => [1, 1] },
  sub: { f: (a, b) => a - b, d: () => [1, -1] },
  mul: { f: (a, b) => a * b, d: (a, b) => [b, a] },
  div: { f: (a, b) => a / b, d: (a, b) => [1 / b, -a / (b * b)] },
  maximum: { f: Math.max, d: (a, b) => [a < b ? 0 : 1, a >= b ? 0 : 1] },
};

export const map = (x: Nd, f: (v: number) => number): Nd => nd(x.shape, (i) => f(at(x, i)));

const sizeOf = (x: Nd): number => x.data.length;
/** Returns element i of x repeated to a larger shape: [C] to [..., C], or [1] to any shape. */
const repeated = (x: Nd, i: number): number => at(x, i % sizeOf(x));

/** Returns f of each pair of elements, where the smaller array is repeated. */
export function zip(a: Nd, b: Nd, f: (u: number, v: number) => number): Nd {
  const [first] = [a, b].sort((x, y) => sizeOf(y) - sizeOf(x) || y.shape.length - x.shape.length);
  return nd(first?.shape ?? [], (i) => f(repeated(a, i), repeated(b, i)));
}

/** Returns the gradients of a and b. The gradient of a repeated element is the sum over its repetitions. */
export function zipBackward(a: Nd, b: Nd, d: Binary['d'], gy: Nd): { a: Nd; b: Nd } {
  const [ga, gb] = [nd(a.shape), nd(b.shape)];
  for (const [i, g] of gy.data.entries()) {
    const [da, db] = d(repeated(a, i), repeated(b, i));
    add(ga, i % sizeOf(a), g * da);
    add(gb, i % sizeOf(b), g * db);
  }
  return { a: ga, b: gb };
}
