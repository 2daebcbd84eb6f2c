import sumSource from '../../../shaders/conv2d/sum.wgsl';
import { type Arg, type Call, type DeviceTraits, type Dispatch, grid, type Launch } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { ConvAttrs } from './convolution.js';

/**
 * The kernels of conv2d, convTranspose2d and their gradients share this file: the numbers of launches, and split
 * reductions.
 */

/** A call of conv2d or convTranspose2d. */
export type ConvCall = Call<ConvAttrs, { readonly [K in 'x' | 'w' | 'y']: Arg } & { readonly bias?: Arg }>;

/** Returns the numbers in `struct Params` of both convolutions, from x [N, H, W, C] to y [N, Ho, Wo, O]. */
export function convParams({ attrs, arg: { x, w, y, bias } }: ConvCall) {
  const [N = 0, H = 0, W = 0, C = 0] = x.shape;
  const [, Ho = 0, Wo = 0, O = 0] = y.shape;
  const [KH = 0, KW = 0] = w.shape;
  const [sh, sw] = attrs.stride;
  const [dh, dw] = attrs.dilation;
  const [top, left] = attrs.pad;
  const optional = { biased: bias ? 1 : 0, bias_offset: bias?.offset ?? 0 };
  return { N, pixels: N * Ho * Wo, H, W, C, Ho, Wo, O, KH, KW, sh, sw, dh, dw, top, left, ...optional };
}

/** Returns the largest scratch of a split reduction, in elements. */
export function scratchLimit({ limits }: DeviceTraits): number {
  return Math.min(2 ** 25, limits.maxStorageBufferBindingSize, limits.maxBufferSize) / 4;
}

const sum = shader('conv2d/sum', sumSource);

/**
 * Launches a split convolution: `dispatch` stores partial sums in scratch, and a second dispatch adds them in order,
 * and the bias.
 */
export function splitLaunch(call: ConvCall, splits: number, dispatch: Dispatch): Launch {
  const { rows, channels } = call.arg.y;
  const { biased, bias_offset } = convParams(call);
  const count = rows * channels;
  const first = { ...dispatch.params, biased: 0, y_offset: 0, y_stride: channels };
  return {
    scratch: { partials: splits * count },
    dispatches: [
      { ...dispatch, params: first },
      { shader: sum, params: { count, O: channels, splits, biased, bias_offset }, workgroups: grid(count, 64) },
    ],
  };
}
