import type { Arg, Kernels, Variant } from '../../autograd/kernel.js';
import type { ShaderSource } from '../../gpu/shader.js';
import { unrolledShader } from '../../gpu/unroll.js';
import type { ConvAttrs } from '../conv2d/convolution.js';

/** An invocation of the strip kernels processes this many neighbouring pixels of a row, a strip, as in their shaders. */
export const STRIP = 4;

/**
 * Returns the numbers that the kernels of the three ops share. Windows slide over the image `x`, and `y` has one pixel per
 * window.
 */
export function windowParams({ stride, pad, dilation }: ConvAttrs, x: Arg, y: Arg) {
  const [N = 0, H = 0, W = 0, C = 0] = x.shape;
  const [, Ho = 0, Wo = 0, O = 0] = y.shape;
  return {
    ...{ N, H, W, C, Ho, Wo, O, m: O / C, sh: stride[0], sw: stride[1], dh: dilation[0], dw: dilation[1] },
    ...{ top: pad[0], left: pad[1] },
  };
}

/** The largest height and width of a kernel for which the strip kernels' loops are unrolled. */
const WIDEST = 7;
/** The most pixels of a row that an invocation of the strip kernels keeps in registers. */
const LONGEST = 24;

/** Returns why the strip kernels cannot run a call, or nothing if they can. */
export function stripRefusal([KH = 0, KW = 0]: readonly number[], span: number): string | undefined {
  if (KH > WIDEST || KW > WIDEST) return `the kernel is larger than ${WIDEST}×${WIDEST}`;
  return span > LONGEST ? `the windows of ${STRIP} neighbouring pixels span more than ${LONGEST} columns` : undefined;
}

/** Returns the number of pixels in a row of x that the windows of a strip span. */
export function spanOf({ stride, dilation }: ConvAttrs, [, KW = 0]: readonly number[]): number {
  return (STRIP - 1) * stride[1] + (KW - 1) * dilation[1] + 1;
}

/** Returns a function that makes a strip kernel for given constants, with four channels or one channel per invocation. */
export function stripKernel(label: string, source: ShaderSource, make?: Parameters<typeof unrolledShader>[2]) {
  const vec4 = unrolledShader(label, source, make);
  const scalar = unrolledShader(label, { ...source, code: source.code.replaceAll('vec4f', 'f32') }, make);
  return (width: number, constants: Readonly<Record<string, number>>) =>
    (width === 1 ? scalar : vec4)({ ...constants, WIDTH: width });
}

export const NO_MULTIPLIER = 'each input channel has several output channels';

/**
 * Returns the kernels of an op. The strip kernel of four channels runs the calls that it can, then the strip kernel of one
 * channel, and `reference` runs the rest.
 */
export function stripKernels<C>(vec4: Variant<C>, scalar: Variant<C>, reference: Variant<C>): Kernels<C> {
  return {
    variants: [vec4, scalar, reference],
    reference,
    choose: (call) => {
      const [four, one] = [vec4.launch(call), scalar.launch(call)];
      if (typeof four !== 'string')
        return {
          variant: vec4,
          reason: 'channels, strides and offsets are multiples of 4; strips of pixels share reads',
        };
      return typeof one !== 'string'
        ? { variant: scalar, reason: `${four}; strips of pixels share reads` }
        : { variant: reference, reason: one };
    },
  };
}
