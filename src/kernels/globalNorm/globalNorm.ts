import { apply, type CallOf, defineOp, f32, optional, strided } from '../../autograd/op.js';
import { sizeOf, TENSOR, TENSORS, type Tensor } from '../../autograd/tensor.js';
import { checked, type Kind, POSITIVE } from '../../gpu/arguments.js';
import { UsageError } from '../../gpu/errors.js';
import { concat } from '../concat/concat.js';
import { mul } from '../elementwise/elementwise.js';
import { NAMES, partsOf } from './parts.js';

const squareArgs = { x0: f32, x1: optional, x2: optional, x3: optional, x4: optional, x5: optional };
const squareResults = { y: strided };

export type SquaresCall = CallOf<null, typeof squareArgs, typeof squareResults>;

/** y[k · parts + j]: the sum of squares of blocks j, j + parts, … of tensor k. */
export const sumOfSquaresOp = defineOp({
  name: 'sumOfSquares',
  args: squareArgs,
  results: squareResults,
  infer: (inputs, _: null) => {
    const xs = Object.values(inputs);
    return { y: { shape: [xs.length * partsOf(xs)], dtype: 'f32' } };
  },
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { y, ...xs } }) => {
    const count = Object.values(xs).reduce((n, x) => n + sizeOf(x.shape), 0);
    return { flops: 2 * count, bytes: 4 * (count + y.channels) };
  },
});

const normArgs = { partial: strided };
const normResults = { norm: f32, scale: f32 };

export interface NormAttrs {
  /** The norm that scaled values have at most. */
  readonly maxNorm: number;
}

export type NormCall = CallOf<NormAttrs, typeof normArgs, typeof normResults>;

/** norm = √Σ partial; scale = maxNorm / norm where that is less than 1, else 1. */
export const globalNormOp = defineOp({
  name: 'globalNorm',
  args: normArgs,
  results: normResults,
  infer: (_, __: NormAttrs) => ({ norm: { shape: [1], dtype: 'f32' }, scale: { shape: [1], dtype: 'f32' } }),
  kernels: () => import('./normKernels.js'),
  cost: ({ arg: { partial } }) => ({ flops: partial.channels, bytes: 4 * (partial.channels + 2) }),
});

/** The largest f32, which limits nothing. */
const NO_LIMIT = 3.4028234663852886e38;

/** One pass over the tensors, six in a dispatch, then a dispatch over the partial sums. */
function normOf(of: string, xs: readonly Tensor[], maxNorm: number): { norm: Tensor; scale: Tensor } {
  if (xs.length === 0) throw new UsageError(`${of}: needs at least one tensor`);
  // Those of whole vec4s among themselves, so that a kernel can read them so.
  const isWhole = (x: Tensor) => x.size % 4 === 0;
  const sorted = [...xs.filter(isWhole), ...xs.filter((x) => !isWhole(x))];
  const whole = sorted.filter(isWhole).length;
  const partials: Tensor[] = [];
  for (let at = 0; at < sorted.length; ) {
    const end = Math.min(at + NAMES.length, at < whole ? whole : sorted.length);
    const [x0, x1, x2, x3, x4, x5] = sorted.slice(at, end);
    if (x0) partials.push(apply(sumOfSquaresOp, { x0, x1, x2, x3, x4, x5 }, null).y);
    at = end;
  }
  return apply(globalNormOp, { partial: concat(partials) }, { maxNorm });
}

/** The norm √(Σ x²) of all elements of all tensors together, [1]. It has no gradient. */
export function globalNorm(...given: [xs: readonly Tensor[]]): Tensor {
  const [xs] = checked('globalNorm', { xs: TENSORS }, given);
  return normOf('globalNorm', xs, NO_LIMIT).norm;
}

const GRADIENTS: Kind = [
  'a list of Tensors',
  Array.isArray,
  ['a Tensor, or undefined', (v) => v === undefined || TENSOR[1](v)],
];

/**
 * Gradients scaled by maxNorm / norm if their norm √(Σ g²), over all elements of all of them, is larger than `maxNorm`, so that it
 * becomes `maxNorm` (Pascanu et al. 2013, algorithm 1); and the norm before that, [1]. An undefined gradient stays undefined. As in
 * PyTorch's `clip_grad_norm_` and optax's `clip_by_global_norm`, one NaN makes all of them NaN. An optimiser that is given these
 * gradients scales them itself, without a further dispatch.
 */
export function clipByGlobalNorm<G extends Tensor | undefined>(
  ...given: [gradients: readonly G[], maxNorm: number]
): { gradients: G[]; norm: Tensor } {
  const [gradients, maxNorm] = checked('clipByGlobalNorm', { gradients: GRADIENTS, maxNorm: POSITIVE }, given);
  const { norm, scale } = normOf(
    'clipByGlobalNorm',
    gradients.filter((g) => g !== undefined),
    maxNorm,
  );
  return { gradients: gradients.map((g) => (g && mul(g, scale)) as G), norm };
}
