import { apply, type CallOf, type Cost, defineOp, strided, u32 } from '../../autograd/op.js';
import {
  checkShape,
  formatShape,
  SHAPE,
  type Shape,
  sameShape,
  TENSOR,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { checked, NUMBER } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { concatBatch, splitBatch } from '../concat/batch.js';
import { mask } from './mask.js';
import { RANDOM, type Random } from './random.js';

function checkState(op: string, { shape }: TensorType): void {
  if (!sameShape(shape, [4])) throw new ShapeError(op, `state must be u32 [4], got u32 ${formatShape(shape)}`);
}

export interface DropoutAttrs {
  stream: number;
  rate: number;
  /**
   * The number of the first group of four elements, if the tensor is a part of a larger one whose numbers it draws. Default: 0.
   */
  start?: number;
}

const args = { x: strided, state: u32 };
const results = { y: strided };

export type DropoutCall = CallOf<DropoutAttrs, typeof args, typeof results>;

/** y = x·m / (1 − rate), where m is 0 with probability `rate` and 1 otherwise, drawn from a stream of the generator. */
export const dropoutOp = defineOp({
  name: 'dropout',
  args,
  results,
  epilogue: 'y',
  pointwise: {
    operands: ['x'],
    body: 'return x * select(0.0, factor, word >> 8u >= threshold);',
    numbers: (attrs) => ({
      stream: { type: 'u32', value: attrs.stream },
      start: { type: 'u32', value: attrs.start ?? 0 },
      threshold: { type: 'u32', value: mask(attrs).threshold },
      factor: { type: 'f32', value: mask(attrs).factor },
    }),
    random: {
      state: 'state',
      words: 'philox(vec4u(start + quad, stream, state[2], state[3]), vec2u(state[0], state[1]))',
    },
  },
  infer: ({ x, state }, { rate }: DropoutAttrs) => {
    if (!(rate >= 0 && rate < 1)) throw new ShapeError('dropout', `rate must be in [0, 1), got ${rate}`);
    checkState('dropout', state);
    return { y: x };
  },
  // y is x times a diagonal matrix  ⇒  gx = gy·m / (1 − rate), where the kernel draws m again
  gradient: ({ state }, { y: gy }, { attrs, needs }) => ({
    x: needs.x ? applyDropout(gy, state, attrs) : undefined,
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { y } }): Cost => ({ flops: y.rows * y.channels, bytes: 8 * y.rows * y.channels }),
});

const applyDropout = (x: Tensor, state: Tensor, attrs: DropoutAttrs): Tensor => apply(dropoutOp, { x, state }, attrs).y;

export interface NoiseAttrs {
  stream: number;
  /** As in `DropoutAttrs`. */
  start?: number;
  shape: Shape;
  distribution: 'normal' | 'uniform';
}

const noiseArgs = { state: u32 };
const noiseResults = { y: strided };

export type NoiseCall = CallOf<NoiseAttrs, typeof noiseArgs, typeof noiseResults>;

/** Random numbers from a stream of the generator. */
export const noiseOp = defineOp({
  name: 'noise',
  args: noiseArgs,
  results: noiseResults,
  infer: ({ state }, { shape }: NoiseAttrs) => {
    checkShape('noise', 'shape', shape);
    checkState('noise', state);
    return { y: { shape, dtype: 'f32' } };
  },
  kernels: () => import('./noiseKernels.js'),
  cost: ({ arg: { y } }): Cost => ({ flops: 0, bytes: 4 * y.rows * y.channels }),
});

/**
 * Sets each element of x, of any shape, to zero with probability `rate`, and divides the others by 1 − rate (spec §4:
 * 0.5 in the first decoder blocks). Every `plan.run` draws a new mask. Throws `ShapeError` unless 0 ≤ rate < 1.
 */
export function dropout(...given: [x: Tensor, random: Random, rate?: number]): Tensor {
  const [x, random, rate = 0.5] = checked('dropout', { x: TENSOR, random: RANDOM, 'rate?': NUMBER }, given);
  return applyDropout(x, random.state, { stream: random.stream(), rate, start: random.start('dropout', x.shape) });
}

/**
 * `dropout` of a batch that consists of `parts` batches of the same size, one after the other, as of real and generated images. Where
 * `random` has a shard, each of them is a part of a larger batch.
 */
export function dropoutOfParts(x: Tensor, random: Random, rate: number, parts: number): Tensor {
  if (!random.shard || parts === 1) return dropout(x, random, rate);
  const stream = random.stream();
  const [n = 0] = x.shape;
  const each = splitBatch(x, new Array<number>(parts).fill(n / parts));
  const masked = each.map((part, i) =>
    applyDropout(part, random.state, { stream, rate, start: random.start('dropout', part.shape, i) }),
  );
  return concatBatch(masked);
}

/**
 * Draws standard normal numbers, new ones in every `plan.run`. They have no gradient. The vector z of the `paper`
 * preset is [N, 64].
 */
export function noise(...given: [random: Random, shape: Shape]): Tensor {
  const [random, shape] = checked('noise', { random: RANDOM, shape: SHAPE }, given);
  const attrs = {
    stream: random.stream(),
    shape,
    distribution: 'normal',
    start: random.start('noise', shape),
  } as const;
  return apply(noiseOp, { state: random.state }, attrs).y;
}

/** Draws uniform numbers in [0, 1), multiples of 2⁻²⁴, new ones in every `plan.run`. They have no gradient. */
export function uniformNoise(...given: [random: Random, shape: Shape]): Tensor {
  const [random, shape] = checked('uniformNoise', { random: RANDOM, shape: SHAPE }, given);
  const start = random.start('uniformNoise', shape);
  const attrs = { stream: random.stream(), shape, distribution: 'uniform', start } as const;
  return apply(noiseOp, { state: random.state }, attrs, 'uniformNoise').y;
}
