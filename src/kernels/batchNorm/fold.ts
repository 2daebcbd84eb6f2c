import { checked, F32, POSITIVE } from '../../gpu/arguments.js';
import { UsageError } from '../../gpu/errors.js';

/** The numbers of a batch normalisation by channel; see `batchNorm`. */
export interface NormValues {
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Default: 1. */
  readonly gamma?: Float32Array;
  /** Default: 0. */
  readonly beta?: Float32Array;
  /** Default: 1e-5. */
  readonly epsilon?: number;
}

/**
 * Weights and bias of a convolution or linear layer that does the work of the batch normalisation behind it. With
 * f = gamma / √(variance + epsilon), (conv(x, w) + bias − mean) · f + beta = conv(x, w · f) + (bias − mean) · f + beta.
 *
 * `weights` are in device layout, where the last dimension is the output channel: [KH, KW, in, out] or [in, out]. Sums are in float64.
 * Throws `UsageError` unless all arrays have one value for each output channel, and weights a whole number, or if a variance is
 * negative or a result not a finite number.
 */
export function foldBatchNorm(...given: [weights: Float32Array, bias: Float32Array | undefined, norm: NormValues]): {
  weights: Float32Array;
  bias: Float32Array;
} {
  const kinds = {
    ...{ weights: F32, 'bias?': F32 },
    norm: { mean: F32, variance: F32, 'gamma?': F32, 'beta?': F32, 'epsilon?': POSITIVE },
  };
  const [weights, bias, { mean, variance, gamma, beta, epsilon = 1e-5 }] = checked('foldBatchNorm', kinds, given);
  const channels = mean.length;
  for (const [name, values] of Object.entries({ variance, gamma, beta, bias }))
    if (values && values.length !== channels)
      throw new UsageError(
        `foldBatchNorm: ${name} must have ${channels} values, as many as mean, got ${values.length}`,
      );
  if (channels === 0 || weights.length % channels !== 0)
    throw new UsageError(
      `foldBatchNorm: ${weights.length} weights cannot be divided among the ${channels} output channels that mean has`,
    );
  const wrong = variance.findIndex((v) => !(v >= 0));
  if (wrong >= 0)
    throw new UsageError(
      `foldBatchNorm: variance must be numbers of 0 or more, got ${variance[wrong]} for channel ${wrong}`,
    );
  const of = (values: Float32Array | undefined, c: number, missing: number) => values?.[c] ?? missing;
  const factors = Array.from(mean, (_, c) => of(gamma, c, 1) / Math.sqrt(of(variance, c, 0) + epsilon));
  const folded = {
    weights: weights.map((w, i) => w * (factors[i % channels] ?? 0)),
    bias: mean.map((m, c) => (of(bias, c, 0) - m) * (factors[c] ?? 0) + of(beta, c, 0)),
  };
  for (const [name, values] of Object.entries(folded)) {
    const i = values.findIndex((v) => !Number.isFinite(v));
    if (i >= 0)
      throw new UsageError(
        `foldBatchNorm: value ${i} of the folded ${name} would be ${values[i]}; all arguments must be finite, and their products as well`,
      );
  }
  return folded;
}
