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

/** y[k · parts + j] = Σ x_k[i]² over the elements i in the blocks j, j + parts, … of tensor k. */
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
  /** The largest norm that scaled values may have. */
  readonly maxNorm: number;
}

export type NormCall = CallOf<NormAttrs, typeof normArgs, typeof normResults>;

/** norm = √Σ partial, and scale = min(1, maxNorm / norm). */
export const globalNormOp = defineOp({
  name: 'globalNorm',
  args: normArgs,
  results: normResults,
  infer: (_, __: NormAttrs) => ({ norm: { shape: [1], dtype: 'f32' }, scale: { shape: [1], dtype: 'f32' } }),
  kernels: () => import('./normKernels.js'),
  cost: ({ arg: { partial } }) => ({ flops: partial.channels, bytes: 4 * (partial.channels + 2) }),
});

/** The largest f32 as `maxNorm` never scales anything. */
const NO_LIMIT = 3.4028234663852886e38;

/** Computes partial sums of the tensors, six per dispatch, and in a last dispatch the norm and the scale from them. */
function normOf(of: string, xs: readonly Tensor[], maxNorm: number): { norm: Tensor; scale: Tensor } {
  if (xs.length === 0) throw new UsageError(`${of}: needs at least one tensor`);
  // Tensors whose size is a multiple of 4 get dispatches of their own, whose kernel reads four elements at once.
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

/** Returns the norm √(Σ x²) over all elements of all tensors together, as a tensor [1]. It has no gradient. */
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
 * Limits the norm √(Σ g²) over all elements of all gradients together to `maxNorm` (Pascanu et al. 2013, algorithm 1).
 * Returns the gradients, scaled by maxNorm / norm if the norm is larger than `maxNorm`, and the norm before scaling, a
 * tensor [1]. An undefined gradient stays undefined. As in PyTorch's `clip_grad_norm_` and optax's
 * `clip_by_global_norm`, one NaN makes all gradients NaN. An optimiser that gets these gradients scales them in its own
 * kernel, without a further dispatch. Throws `UsageError` if no gradient is defined.
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
