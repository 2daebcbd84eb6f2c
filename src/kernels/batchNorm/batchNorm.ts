import { channelsOf, expectShape, formatShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, POSITIVE } from '../../gpu/arguments.js';
import { binary, unary } from '../elementwise/ops.js';

export interface BatchNormOptions {
  /** Mean of each channel [C], as training found it. */
  mean: Tensor;
  /** Variance of each channel [C], as training found it. */
  variance: Tensor;
  /** Factor of each normalised channel [C]. Default: 1. */
  gamma?: Tensor;
  /** Summand of each channel [C]. Default: 0. */
  beta?: Tensor;
  /** What is added to the variance, so that the root is not 0. Default: 1e-5. */
  epsilon?: number;
}

/**
 * Batch normalisation with known statistics, as a trained network uses it (Ioffe & Szegedy 2015, algorithm 2):
 * y = (x − mean) · gamma / √(variance + epsilon) + beta for x [..., C]: [..., C]. Like PyTorch it computes a factor and a summand for
 * each channel, and then y = factor · x + summand, which a plan does in the kernel that makes x. Throws `ShapeError` unless the
 * options have one value for each channel. `foldBatchNorm` spares even this where weights are known beforehand.
 */
export function batchNorm(...given: [x: Tensor, options: BatchNormOptions]): Tensor {
  const op = 'batchNorm';
  const kinds = {
    x: TENSOR,
    options: { mean: TENSOR, variance: TENSOR, 'gamma?': TENSOR, 'beta?': TENSOR, 'epsilon?': POSITIVE },
  };
  const [x, { mean, variance, gamma, beta, epsilon = 1e-5 }] = checked(op, kinds, given);
  for (const [name, value] of Object.entries({ mean, variance, gamma, beta }))
    if (value) expectShape(op, name, value, [channelsOf(x.shape)], `channels of x ${formatShape(x.shape)}`);
  const deviation = unary('sqrt', binary('add', variance, epsilon));
  const factor = binary('div', gamma ?? 1, deviation);
  const offset = binary('mul', mean, factor);
  const summand = beta ? binary('sub', beta, offset) : binary('mul', offset, -1);
  return binary('add', binary('mul', x, factor), summand);
}
