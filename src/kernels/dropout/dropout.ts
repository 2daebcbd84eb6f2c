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
import { mask } from './mask.js';
import { RANDOM, type Random } from './random.js';

function checkState(op: string, { shape }: TensorType): void {
  if (!sameShape(shape, [4])) throw new ShapeError(op, `state must be u32 [4], got u32 ${formatShape(shape)}`);
}

export interface DropoutAttrs {
  stream: number;
  rate: number;
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
      threshold: { type: 'u32', value: mask(attrs).threshold },
      factor: { type: 'f32', value: mask(attrs).factor },
    }),
    random: {
      state: 'state',
      words: 'philox(vec4u(quad, stream, state[2], state[3]), vec2u(state[0], state[1]))',
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
  return applyDropout(x, random.state, { stream: random.stream(), rate });
}

/**
 * Draws standard normal numbers, new ones in every `plan.run`. They have no gradient. The vector z of the `paper`
 * preset is [N, 64].
 */
export function noise(...given: [random: Random, shape: Shape]): Tensor {
  const [random, shape] = checked('noise', { random: RANDOM, shape: SHAPE }, given);
  return apply(noiseOp, { state: random.state }, { stream: random.stream(), shape, distribution: 'normal' }).y;
}

/** Draws uniform numbers in [0, 1), multiples of 2⁻²⁴, new ones in every `plan.run`. They have no gradient. */
export function uniformNoise(...given: [random: Random, shape: Shape]): Tensor {
  const [random, shape] = checked('uniformNoise', { random: RANDOM, shape: SHAPE }, given);
  const attrs = { stream: random.stream(), shape, distribution: 'uniform' } as const;
  return apply(noiseOp, { state: random.state }, attrs, 'uniformNoise').y;
}
