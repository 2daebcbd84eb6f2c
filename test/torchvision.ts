import { readSafetensors, writeSafetensors } from '../src/data/safetensors.js';
import { testNormal, testRandom } from '../src/kernels/oracle.js';

export type Tensors = Map<string, { shape: readonly number[]; data: Float32Array }>;

const SHAPES = { 0: [64, 3, 3, 3], 2: [64, 64, 3, 3], 5: [128, 64, 3, 3] } as const;

/** Makes random weights like trained ones, with outputs about as large as inputs. */
export function torchvision(seed = 1, prefix = ''): Tensors {
  const random = testRandom(seed);
  const tensors: Tensors = new Map();
  for (const [position, shape] of Object.entries(SHAPES)) {
    const deviation = Math.sqrt(2 / (9 * shape[1]));
    const fill = (n: number, d: number) => Float32Array.from({ length: n }, () => d * testNormal(random));
    tensors.set(`${prefix}features.${position}.weight`, { shape, data: fill(9 * shape[0] * shape[1], deviation) });
    tensors.set(`${prefix}features.${position}.bias`, { shape: [shape[0]], data: fill(shape[0], 0.1) });
  }
  return tensors;
}

/** Returns the weights as if they were read from a file. */
export const stored = (tensors: Tensors) => readSafetensors(writeSafetensors(tensors)).tensors;
