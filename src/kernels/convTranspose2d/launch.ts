import { convParams } from '../conv2d/launch.js';
import type { ConvTranspose2dCall } from './convTranspose2d.js';

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** The number i in [0, m) with a·i ≡ 1 (mod m), for a and m without a common divisor; 0 for m = 1. */
function inverse(a: number, m: number): number {
  let i = 0;
  while ((a * i) % m !== 1 % m) i++;
  return i;
}

/** Of two numbers: the greatest common divisor, what is left of each without it, and the inverse of what is left of the second. */
function shared(stride: number, dilation: number) {
  const divisor = gcd(stride, dilation);
  const [step, back] = [stride / divisor, dilation / divisor];
  return { divisor, step, back, inverse: inverse(back, step) };
}

/** The distance of neighbouring taps of a phase along each axis. */
export function tapSteps({ attrs: { stride, dilation } }: ConvTranspose2dCall) {
  return [shared(stride[0], dilation[0]).step, shared(stride[1], dilation[1]).step] as const;
}

/** The numbers of the kernels; `shaders/shared/phase-taps.wgsl` says what those of the taps are. */
export function transposedParams(call: ConvTranspose2dCall) {
  const { stride, dilation } = call.attrs;
  const [down, across] = [shared(stride[0], dilation[0]), shared(stride[1], dilation[1])];
  return {
    ...convParams(call),
    ...{ gh: down.divisor, ih: down.inverse, uh: down.step, bh: down.back },
    ...{ gw: across.divisor, iw: across.inverse, uw: across.step, bw: across.back },
  };
}
