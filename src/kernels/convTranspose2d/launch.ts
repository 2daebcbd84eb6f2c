import { convParams } from '../conv2d/launch.js';
import type { ConvTranspose2dCall } from './convTranspose2d.js';

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Returns the number i in [0, m) with a·i ≡ 1 (mod m), which is 0 for m = 1. a and m must have no common divisor. */
function inverse(a: number, m: number): number {
  let i = 0;
  while ((a * i) % m !== 1 % m) i++;
  return i;
}

/**
 * Returns the greatest common divisor of a stride and a dilation, both divided by it (`step` and `back`), and the inverse
 * of `back` modulo `step`.
 */
function phaseOf(stride: number, dilation: number) {
  const divisor = gcd(stride, dilation);
  const [step, back] = [stride / divisor, dilation / divisor];
  return { divisor, step, back, inverse: inverse(back, step) };
}

/** Returns the distance of neighbouring taps of a phase along each axis of the kernel. */
export function tapSteps({ attrs: { stride, dilation } }: ConvTranspose2dCall) {
  return [phaseOf(stride[0], dilation[0]).step, phaseOf(stride[1], dilation[1]).step] as const;
}

/** Returns the numbers of the kernels. `shaders/shared/phase-taps.wgsl` explains those that describe the taps. */
export function transposedParams(call: ConvTranspose2dCall) {
  const { stride, dilation } = call.attrs;
  const [down, across] = [phaseOf(stride[0], dilation[0]), phaseOf(stride[1], dilation[1])];
  return {
    ...convParams(call),
    ...{ gh: down.divisor, ih: down.inverse, uh: down.step, bh: down.back },
    ...{ gw: across.divisor, iw: across.inverse, uw: across.step, bw: across.back },
  };
}
