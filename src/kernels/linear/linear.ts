import { channelsOf, expectShape, formatShape, rowsOf, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { conv2d } from '../conv2d/conv2d.js';
import { reshape } from '../reshape/reshape.js';

/**
 * Computes a product of matrices as a 1×1 convolution, so that it uses the kernels and the gradient of `conv2d`. The rows
 * of x are the pixels of one image.
 */
function product(op: string, name: string, x: Tensor, w: Tensor, bias?: Tensor): Tensor {
  const [inputs, outputs] = [channelsOf(x.shape), channelsOf(w.shape)];
  const why = `as many rows as ${formatShape(x.shape)} has channels`;
  if (w.shape.length !== 2 || w.shape[0] !== inputs)
    throw new ShapeError(op, `${name} must be [${inputs}, any] (${why}), got ${formatShape(w.shape)}`);
  if (bias) expectShape(op, 'bias', bias, [outputs], `output channels of ${name} ${formatShape(w.shape)}`);
  const pixels = reshape(x, [1, 1, rowsOf(x.shape), inputs]);
  return reshape(conv2d(pixels, reshape(w, [1, 1, inputs, outputs]), { bias }), [...x.shape.slice(0, -1), outputs]);
}

/**
 * Returns y[…, o] = Σ_i x[…, i] · w[i, o] + bias[o], a tensor [..., out], for x [..., in] of any rank, w [in, out] and
 * bias [out]. w is laid out as in JAX; PyTorch stores the transpose. Throws `ShapeError` if the shapes disagree.
 */
export function linear(...given: [x: Tensor, w: Tensor, bias?: Tensor]): Tensor {
  const [x, w, bias] = checked('linear', { x: TENSOR, w: TENSOR, 'bias?': TENSOR }, given);
  return product('linear', 'w', x, w, bias);
}

/**
 * Returns the product of two matrices, y[m, n] = Σ_k a[m, k] · b[k, n], a tensor [M, N] for a [M, K] and b [K, N]. Throws
 * `ShapeError` if the shapes disagree.
 */
export function matmul(...given: [a: Tensor, b: Tensor]): Tensor {
  const [a, b] = checked('matmul', { a: TENSOR, b: TENSOR }, given);
  if (a.shape.length !== 2) throw new ShapeError('matmul', `a must have two dimensions, got ${formatShape(a.shape)}`);
  return product('matmul', 'b', a, b);
}
