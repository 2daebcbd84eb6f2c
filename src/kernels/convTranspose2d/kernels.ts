import naiveSource from '../../../shaders/convTranspose2d/naive.wgsl';
import registersSource from '../../../shaders/convTranspose2d/registers.wgsl';
import scalarSource from '../../../shaders/convTranspose2d/scalar.wgsl';
import tiledSource from '../../../shaders/convTranspose2d/tiled.wgsl';
import { grid, type Kernels, type Variant, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import { MOST_PHASES, TOO_MANY_PHASES, tiledVariants } from '../conv2d/tiles.js';
import type { ConvTranspose2dCall } from './convTranspose2d.js';
import { tapSteps, transposedParams } from './launch.js';

const naive = shader('convTranspose2d/naive', naiveSource);
const scalar = shader('convTranspose2d/scalar', scalarSource);
const registers = shader('convTranspose2d/registers', registersSource);

/**
 * Returns the number of phases, and of the output pixels of one. A phase consists of the output pixels whose rows and
 * columns have the same remainders modulo the strides, because these share their taps.
 */
function phases({ attrs, arg: { y } }: ConvTranspose2dCall): { pixels: number; count: number } {
  const [N = 0, Ho = 0, Wo = 0] = y.shape;
  const [sh, sw] = attrs.stride;
  return { pixels: N * Math.ceil(Ho / sh) * Math.ceil(Wo / sw), count: sh * sw };
}

/** Returns why kernels that divide the output into phases cannot run a call, or nothing if they can. */
const tooManyPhases = (call: ConvTranspose2dCall) => (phases(call).count > MOST_PHASES ? TOO_MANY_PHASES : undefined);

/** Returns why kernels that read four channels of x at once cannot run a call, or nothing if they can. */
export const quadsRefusal = (call: ConvTranspose2dCall): string | undefined =>
  (vec4Ready(call.arg.x, call.arg.w) ? undefined : 'channels, stride and offset of x must be multiples of 4') ??
  tooManyPhases(call);

const tiled = tiledVariants<ConvTranspose2dCall>({
  op: 'convTranspose2d',
  source: tiledSource,
  params: transposedParams,
  product: (call) => {
    const { x, w, y } = call.arg;
    const [KH = 0, KW = 0] = w.shape;
    const [down, across] = tapSteps(call);
    const { pixels, count } = phases(call);
    // Phases differ in their number of taps. This counts the terms of the phase that has the most.
    const steps = Math.ceil(KH / down) * Math.ceil(KW / across) * Math.ceil(x.channels / 8);
    return { rows: pixels, columns: y.channels, steps, copies: count };
  },
  scalar: ({ arg: { x, w, y, bias } }) => [
    ...(vec4Ready(x, w) ? [] : ['x', 'w']),
    ...(vec4Ready(y, bias) ? [] : ['bias', 'y']),
  ],
});

/**
 * Dispatches a kernel whose invocations compute `rows` pixels of a phase × `columns` channels, and whose workgroups have
 * `size` invocations.
 */
export function byPhases(call: ConvTranspose2dCall, of: Shader, rows: number, columns: number, size: number) {
  const { pixels, count } = phases(call);
  const [across, down] = grid(Math.ceil(pixels / rows) * Math.ceil(call.arg.y.channels / columns), size);
  return { shader: of, params: transposedParams(call), workgroups: [across, down, count] as const };
}

export const registersVariant: Variant<ConvTranspose2dCall> = {
  name: 'registers',
  launch: (call) => quadsRefusal(call) ?? { dispatches: [byPhases(call, registers, 8, 8, 32)] },
};

export const scalarVariant: Variant<ConvTranspose2dCall> = {
  name: 'scalar',
  launch: (call) => tooManyPhases(call) ?? { dispatches: [byPhases(call, scalar, 8, 4, 32)] },
};

const reference: Variant<ConvTranspose2dCall> = {
  name: 'naive',
  launch: (call) => {
    const { rows, channels } = call.arg.y;
    return { dispatches: [{ shader: naive, params: transposedParams(call), workgroups: grid(rows * channels, 64) }] };
  },
};

export const kernels: Kernels<ConvTranspose2dCall> = {
  variants: [...tiled.variants, registersVariant, scalarVariant, reference],
  reference,
  choose: (call) => {
    const best = tiled.best(call);
    if (typeof best !== 'string') return best;
    const refused = quadsRefusal(call);
    if (!refused) return { variant: registersVariant, reason: `${best}; channels and strides of x are multiples of 4` };
    return tooManyPhases(call)
      ? { variant: reference, reason: TOO_MANY_PHASES }
      : { variant: scalarVariant, reason: `${best}; ${refused}` };
  },
};
