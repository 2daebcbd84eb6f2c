import { apply, type CallOf, defineOp, f32, strided, u32 } from '../../autograd/op.js';
import { expectShape, type Shape, TENSOR, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { checked, numeric, oneOf } from '../../gpu/arguments.js';
import type { Reduction } from './reduction.js';

export interface CrossEntropyAttrs {
  readonly smoothing: number;
  readonly reduction: Reduction;
}

/** Returns the shape of one value for each row. */
const perRow = ({ shape }: TensorType): Shape => (shape.length > 1 ? shape.slice(0, -1) : [1]);

const args = { logits: strided, labels: u32 };
const results = { y: f32 };

export type CrossEntropyCall = CallOf<CrossEntropyAttrs, typeof args, typeof results>;

/** y = −Σ_c t_c · log softmax(logits)_c of each row, or the sum or mean of all, with t from the labels. */
export const crossEntropyOp = defineOp({
  name: 'crossEntropy',
  args,
  results,
  infer: ({ logits, labels }, { reduction }: CrossEntropyAttrs) => {
    expectShape('crossEntropy', 'labels', labels, perRow(logits), 'one for each row of logits');
    return { y: { shape: reduction === 'none' ? perRow(logits) : [1], dtype: 'f32' } };
  },
  // y = log Σ_c e^x_c − Σ_c t_c · x_c, as Σ t = 1  ⇒  gx_c = gy · (softmax(x)_c − t_c)
  gradient: ({ logits, labels }, { y: gy }, { attrs }) => ({
    logits: apply(crossEntropyGradientOp, { logits, labels, gy }, attrs).gx,
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { logits } }) => {
    const size = logits.rows * logits.channels;
    return { flops: 5 * size, bytes: 4 * (size + 2 * logits.rows) };
  },
});

const gradientArgs = { logits: strided, labels: u32, gy: f32 };
const gradientResults = { gx: strided };

export type CrossEntropyGradientCall = CallOf<CrossEntropyAttrs, typeof gradientArgs, typeof gradientResults>;

/** gx = gy · (softmax(logits) − t), divided by the number of rows for the mean. */
export const crossEntropyGradientOp = defineOp({
  name: 'crossEntropyGradient',
  args: gradientArgs,
  results: gradientResults,
  epilogue: 'gx',
  infer: ({ logits }, _: CrossEntropyAttrs) => ({ gx: logits }),
  kernels: () => import('./gradientKernels.js'),
  cost: ({ arg: { logits } }) => {
    const size = logits.rows * logits.channels;
    return { flops: 6 * size, bytes: 8 * size + 4 * logits.rows };
  },
});

export interface CrossEntropyOptions {
  /** The share in [0, 1] of the target that is spread evenly over all channels. Default: 0. */
  labelSmoothing?: number;
  /**
   * Whether the result is the mean over all rows ([1]), their sum ([1]), or one loss per row ([...]). Default: the
   * mean.
   */
  reduction?: Reduction;
}

const OPTIONS = {
  'labelSmoothing?': /* @__PURE__ */ numeric('in [0, 1]', (v) => v >= 0 && v <= 1),
  'reduction?': /* @__PURE__ */ oneOf('mean', 'sum', 'none'),
};

/**
 * Returns the cross-entropy of softmax(logits) against class labels, as PyTorch's `cross_entropy` does for class
 * indices: the mean over all rows of −log softmax(logits)[label]. logits are [..., C], labels u32 [...] with values
 * from 0 to C − 1 (logits [C] take labels [1]). A label of C or more makes the loss NaN, and its own row of the
 * gradient; no memory beyond the row is read. Throws `ShapeError` when labels have another shape.
 */
export function crossEntropy(...given: [logits: Tensor, labels: Tensor, options?: CrossEntropyOptions]): Tensor {
  const kinds = { logits: TENSOR, labels: TENSOR, 'options?': OPTIONS };
  const [logits, labels, options = {}] = checked('crossEntropy', kinds, given);
  const { labelSmoothing = 0, reduction = 'mean' } = options;
  return apply(crossEntropyOp, { logits, labels }, { smoothing: labelSmoothing, reduction }).y;
}
