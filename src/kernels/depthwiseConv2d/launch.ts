import type { Arg, Kernels, Variant } from '../../autograd/kernel.js';
import type { ShaderSource } from '../../gpu/shader.js';
import { writtenOut } from '../../gpu/unroll.js';
import type { ConvAttrs } from '../conv2d/convolution.js';

/** Neighbouring pixels that an invocation of the strip kernels makes or takes, as in their shaders. */
export const STRIP = 4;

/** The numbers that the kernels of all three products share; `x` is the image that windows slide over, `y` has a pixel for each. */
export function windowParams({ stride, pad, dilation }: ConvAttrs, x: Arg, y: Arg) {
  const [N = 0, H = 0, W = 0, C = 0] = x.shape;
  const [, Ho = 0, Wo = 0, O = 0] = y.shape;
  return {
    ...{ N, H, W, C, Ho, Wo, O, m: O / C, sh: stride[0], sw: stride[1], dh: dilation[0], dw: dilation[1] },
    ...{ top: pad[0], left: pad[1] },
  };
}

/** The largest kernel that the strip kernels write out, in each direction, and the most pixels of a row that they hold. */
const WIDEST = 7;
const LONGEST = 24;

/** Why the strip kernels cannot run a call; nothing when they can. */
export function stripRefusal([KH = 0, KW = 0]: readonly number[], span: number): string | undefined {
  if (KH > WIDEST || KW > WIDEST) return `the kernel is larger than ${WIDEST}×${WIDEST}`;
  return span > LONGEST ? `stride and dilation reach over more than ${LONGEST} pixels` : undefined;
}

/** Pixels in a row of x that the windows of a strip reach. */
export function spanOf({ stride, dilation }: ConvAttrs, [, KW = 0]: readonly number[]): number {
  return (STRIP - 1) * stride[1] + (KW - 1) * dilation[1] + 1;
}

/** A strip kernel by its constants, of four channels or of one an invocation. */
export function stripKernel(label: string, source: ShaderSource, make?: Parameters<typeof writtenOut>[2]) {
  const vec4 = writtenOut(label, source, make);
  const scalar = writtenOut(label, { ...source, code: source.code.replaceAll('vec4f', 'f32') }, make);
  return (width: number, constants: Readonly<Record<string, number>>) =>
    (width === 1 ? scalar : vec4)({ ...constants, WIDTH: width });
}

export const NO_MULTIPLIER = 'each channel of x makes several';

/** The kernels of a product: strips of four channels where they can run, else of one, else the plainest kernel. */
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
