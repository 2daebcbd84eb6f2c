import naiveSource from '../../../shaders/depthwiseConv2d/naive.wgsl';
import stripSource from '../../../shaders/depthwiseConv2d/strip.wgsl';
import { grid, type Kernels, NEEDS_VEC4, type Variant, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { DepthwiseCall } from './depthwiseConv2d.js';
import { NO_MULTIPLIER, STRIP, spanOf, stripKernel, stripKernels, stripRefusal, windowParams } from './launch.js';

const naive = shader('depthwiseConv2d/naive', naiveSource);
const strip = stripKernel('depthwiseConv2d/strip', stripSource);

function params({ attrs, arg: { x, w, bias, y } }: DepthwiseCall) {
  const [KH = 0, KW = 0] = w.shape;
  return { ...windowParams(attrs, x, y), KH, KW, biased: bias ? 1 : 0, bias_offset: bias?.offset ?? 0 };
}

/** Returns the strip kernel whose invocations compute `width` channels each. */
const stripVariant = (name: string, width: number, refusal: (call: DepthwiseCall) => string | undefined) => ({
  name,
  launch: (call: DepthwiseCall) => {
    const { KH, KW, sw, dw, ...numbers } = params(call);
    const SPAN = spanOf(call.attrs, [KH, KW]);
    const refused = stripRefusal([KH, KW], SPAN) ?? refusal(call);
    if (refused) return refused;
    const [n = 0, down = 0, across = 0, O = 0] = call.arg.y.shape;
    const count = n * down * Math.ceil(across / STRIP) * (O / width);
    const kernel = strip(width, { KH, KW, SW: sw, DW: dw, SPAN });
    return { dispatches: [{ shader: kernel, params: { ...numbers, count }, workgroups: grid(count, 64) }] };
  },
});

const vec4 = stripVariant('vec4', 4, (call) => {
  const { x, w, bias, y } = call.arg;
  if (x.channels !== y.channels) return NO_MULTIPLIER;
  return vec4Ready(x, w, bias, y) ? undefined : NEEDS_VEC4;
});

const scalar = stripVariant('scalar', 1, () => undefined);

const reference: Variant<DepthwiseCall> = {
  name: 'naive',
  launch: (call) => {
    const count = call.arg.y.rows * call.arg.y.channels;
    return { dispatches: [{ shader: naive, params: { ...params(call), count }, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<DepthwiseCall> = stripKernels(vec4, scalar, reference);
