import { sizeOf } from '../autograd/tensor.js';
import type { TorchTensors } from '../evaluation/frozen-weights.js';

/** The 32-bit FNV-1a hash of a text. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * A number in [−1, 1) for element i of the tensor `name`, computed from 32-bit integers alone, so that every language gets the same.
 * Reference files of large networks state these formulas in place of the weights.
 */
function unit(name: string, seed: number): (i: number) => number {
  const key = fnv1a(name) ^ Math.imul(seed, 0x85ebca6b);
  return (i) => {
    let x = (Math.imul(i, 0x9e3779b1) + key) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    x ^= x >>> 15;
    return (x >>> 8) / 2 ** 23 - 1;
  };
}

/** The values of a tensor by its name: variances near 1, weights with the spread of He et al. 2015, small biases and means. */
export function formulaTensors(seed: number): TorchTensors {
  return (name, shape) => {
    const u = unit(name, seed);
    const value = scaling(name, shape);
    return filled(sizeOf(shape), (i) => value(u(i)));
  };
}

/** The input of a network in PyTorch's order, [−scale, scale). */
export function formulaInput(seed: number, length: number, scale: number): Float32Array {
  const u = unit('input', seed);
  return filled(length, (i) => scale * u(i));
}

/** A loop is many times as fast as `Float32Array.from`, and the networks have millions of weights. */
function filled(length: number, value: (i: number) => number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = value(i);
  return values;
}

function scaling(name: string, shape: readonly number[]): (u: number) => number {
  if (name.endsWith('running_var')) return (u) => 1 + u / 2;
  if (name.endsWith('running_mean')) return (u) => u / 10;
  if (name.endsWith('bn.weight')) return (u) => 1 + u / 5;
  if (name === 'L2Norm.weight') return (u) => 20 + u;
  if (name.endsWith('bias')) return (u) => u / 20;
  const bound = Math.sqrt(6 / shape.slice(1).reduce((a, b) => a * b, 1));
  return (u) => u * bound;
}
