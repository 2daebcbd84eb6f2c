import { apply, type CallOf, defineOp, f32, optional, strided } from '../../autograd/op.js';
import { channelsOf, type Shape, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { biasGradient } from '../conv2d/biasGradient.js';
import { type ConvAttrs, convSize } from '../conv2d/convolution.js';

/**
 * These ops convolve each of the C channels of x by itself with m kernels, which gives m of the C·m channels of y.
 * `conv2d` uses them when its option `groups` is the number of channels of x.
 */

const args = { x: strided, w: f32, bias: optional };
const results = { y: strided };

export type DepthwiseCall = CallOf<ConvAttrs, typeof args, typeof results>;

/** y[n, i, j, o] = Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, ⌊o / m⌋] · w[u, v, 0, o] + bias[o] over the taps u, v. */
export const depthwiseConv2dOp = defineOp({
  name: 'depthwiseConv2d',
  args,
  results,
  epilogue: 'y',
  infer: ({ x, w }, attrs: ConvAttrs) => {
    const [n = 0, H = 0, W = 0] = x.shape;
    const [height, width] = convSize([H, W], w.shape, attrs) ?? [0, 0];
    return { y: { shape: [n, height, width, channelsOf(w.shape)], dtype: 'f32' } };
  },
  // y[i] = Σ_u x[i·s + u·d − top] · w[u] + b, by channel
  //   ⇒  gx[h] = Σ_u gy[(h + top − u·d)/s] · w[u],  gw[u] = Σ_i x[i·s + u·d − top] · gy[i],  gb = Σ_i gy[i]
  gradient: ({ x, w }, { y: gy }, { attrs, needs }) => ({
    x: needs.x ? depthwiseInputGradient(gy, w, { ...attrs, shape: x.shape }) : undefined,
    w: needs.w ? depthwiseWeightGradient(x, gy, { ...attrs, shape: w.shape }) : undefined,
    bias: needs.bias ? biasGradient(gy) : undefined,
  }),
  kernels: () => import('./kernels.js'),
  cost: ({ arg: { x, w, y } }) => depthwiseCost(y.rows * w.rows * y.channels, x, w, y),
});

export interface GradientAttrs extends ConvAttrs {
  /** The shape of the result. */
  readonly shape: Shape;
}

const inputArgs = { gy: strided, w: f32 };
const inputResults = { gx: strided };

export type InputGradientCall = CallOf<GradientAttrs, typeof inputArgs, typeof inputResults>;

/**
 * gx[n, h, l, c] = Σ gy[n, i, j, o] · w[u, v, 0, o] over the taps and pixels with i·sh + u·dh − top = h and
 * j·sw + v·dw − left = l, and over the channels o with ⌊o / m⌋ = c.
 */
export const depthwiseInputGradientOp = defineOp({
  name: 'depthwiseConv2dInputGradient',
  args: inputArgs,
  results: inputResults,
  epilogue: 'gx',
  infer: (_, { shape }: GradientAttrs) => ({ gx: f32Of(shape) }),
  // gx is linear in gy and in w. Its gradients are the convolution of g with w, and the gradient of that one's weights.
  gradient: ({ gy, w }, { gx: g }, { attrs: { stride, pad, dilation }, needs }) => {
    const window = { stride, pad, dilation };
    return {
      gy: needs.gy ? depthwise(g, w, undefined, window) : undefined,
      w: needs.w ? depthwiseWeightGradient(g, gy, { ...window, shape: w.shape }) : undefined,
    };
  },
  kernels: () => import('./inputGradientKernels.js'),
  cost: ({ arg: { gy, w, gx } }) => depthwiseCost(gy.rows * w.rows * gy.channels, gy, w, gx),
});

const weightArgs = { x: strided, gy: strided };
const weightResults = { gw: f32 };

export type WeightGradientCall = CallOf<GradientAttrs, typeof weightArgs, typeof weightResults>;

/** gw[u, v, 0, o] = Σ x[n, i·sh + u·dh − top, j·sw + v·dw − left, ⌊o / m⌋] · gy[n, i, j, o] over the pixels n, i, j of gy. */
export const depthwiseWeightGradientOp = defineOp({
  name: 'depthwiseConv2dWeightGradient',
  args: weightArgs,
  results: weightResults,
  epilogue: 'gw',
  infer: (_, { shape }: GradientAttrs) => ({ gw: f32Of(shape) }),
  // gw is linear in x and in gy. Its gradients are the input gradient with the weights g, and the convolution of x with g.
  gradient: ({ x, gy }, { gw: g }, { attrs: { stride, pad, dilation }, needs }) => {
    const window = { stride, pad, dilation };
    return {
      x: needs.x ? depthwiseInputGradient(gy, g, { ...window, shape: x.shape }) : undefined,
      gy: needs.gy ? depthwise(x, g, undefined, window) : undefined,
    };
  },
  kernels: () => import('./weightGradientKernels.js'),
  cost: ({ arg: { x, gy, gw } }) => depthwiseCost(gy.rows * gw.rows * gy.channels, x, gy, gw),
});

const f32Of = (shape: Shape): TensorType => ({ shape, dtype: 'f32' });

/** Counts two operations per multiply-add, and one read or write of every tensor. */
function depthwiseCost(products: number, ...all: readonly { readonly rows: number; readonly channels: number }[]) {
  return { flops: 2 * products, bytes: 4 * all.reduce((n, a) => n + a.rows * a.channels, 0) };
}

/** Convolves every channel of x [N, H, W, C] by itself with w [KH, KW, 1, C·m]. Returns [N, Ho, Wo, C·m]. */
export function depthwise(x: Tensor, w: Tensor, bias: Tensor | undefined, attrs: ConvAttrs): Tensor {
  return apply(depthwiseConv2dOp, { x, w, bias }, attrs).y;
}

/**
 * Applies the adjoint of `depthwise` with respect to x, whose shape is `attrs.shape`. This is also a transposed
 * convolution with one output channel per group.
 */
export function depthwiseInputGradient(gy: Tensor, w: Tensor, attrs: GradientAttrs): Tensor {
  return apply(depthwiseInputGradientOp, { gy, w }, attrs).gx;
}

function depthwiseWeightGradient(x: Tensor, gy: Tensor, attrs: GradientAttrs): Tensor {
  return apply(depthwiseWeightGradientOp, { x, gy }, attrs).gw;
}
