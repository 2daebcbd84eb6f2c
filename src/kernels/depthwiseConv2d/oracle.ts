import { conv2d, conv2dBackward, type Window } from '../conv2d/oracle.js';
import { type Nd, nd } from '../oracle.js';

/** Computes a convolution with as many groups as x has channels, where w is [KH, KW, 1, C·m]. */
export const depthwise = (x: Nd, w: Nd, bias: Nd | undefined, window: Window): Nd => conv2d(x, w, bias, window);

/** Returns the gradients of Σ ⟨y, gy⟩. */
export const depthwiseBackward = conv2dBackward;

/** Returns the gradient of an input of this shape. It does not depend on the values of the input. */
export const inputGradient = (shape: readonly number[], w: Nd, gy: Nd, window: Window): Nd =>
  conv2dBackward(nd(shape), w, gy, window).x;

/** Returns the gradient of weights of this shape. It does not depend on the values of the weights. */
export const weightGradient = (x: Nd, shape: readonly number[], gy: Nd, window: Window): Nd =>
  conv2dBackward(x, nd(shape), gy, window).w;
