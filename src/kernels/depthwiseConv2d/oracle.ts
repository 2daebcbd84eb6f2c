import { conv2d, conv2dBackward, type Window } from '../conv2d/oracle.js';
import { type Nd, nd } from '../oracle.js';

/** A convolution with as many groups as x has channels, w being [KH, KW, 1, C·m]. */
export const depthwise = (x: Nd, w: Nd, bias: Nd | undefined, window: Window): Nd => conv2d(x, w, bias, window);

/** Gradients of Σ ⟨y, gy⟩. */
export const depthwiseBackward = conv2dBackward;

/** The gradient of an input of this shape, which does not depend on the input. */
export const inputGradient = (shape: readonly number[], w: Nd, gy: Nd, window: Window): Nd =>
  conv2dBackward(nd(shape), w, gy, window).x;

/** The gradient of weights of this shape, which does not depend on the weights. */
export const weightGradient = (x: Nd, shape: readonly number[], gy: Nd, window: Window): Nd =>
  conv2dBackward(x, nd(shape), gy, window).w;
