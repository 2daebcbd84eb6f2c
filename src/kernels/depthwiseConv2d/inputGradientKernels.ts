import naiveSource from '../../../shaders/depthwiseConv2d/input-gradient-naive.wgsl';
import stripSource from '../../../shaders/depthwiseConv2d/input-gradient-strip.wgsl';
import { grid, type Kernels, NEEDS_VEC4, type Variant, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { InputGradientCall } from './depthwiseConv2d.js';
import { NO_MULTIPLIER, STRIP, stripKernel, stripKernels, stripRefusal, windowParams } from './launch.js';

const naive = shader('depthwiseConv2dInputGradient/naive', naiveSource);
const strip = stripKernel('depthwiseConv2dInputGradient/strip', stripSource);

/** The most channels of gy per channel of gx for which the loop over them is unrolled in the strip kernel. */
const MOST_CHANNELS = 4;

function params({ attrs, arg: { gy, w, gx } }: InputGradientCall) {
  const [KH = 0, KW = 0] = w.shape;
  return { ...windowParams(attrs, gx, gy), KH, KW };
}

/** Returns the strip kernel whose invocations compute `width` channels each. */
const stripVariant = (name: string, width: number, refusal: (call: InputGradientCall) => string | undefined) => ({
  name,
  launch: (call: InputGradientCall) => {
    const { KH, KW, sw, dw, m, ...numbers } = params(call);
    if (STRIP % sw !== 0) return `the horizontal stride must divide ${STRIP}`;
    if (m > MOST_CHANNELS) return `each input channel has more than ${MOST_CHANNELS} output channels`;
    // The last window that begins at or left of pixel l, the first one of a strip, is that of column ⌊(l + left) / sw⌋ of
    // gy. The windows of up to `back` columns before it may reach pixel l as well.
    const reach = (KW - 1) * dw;
    const back = Math.ceil(reach / sw);
    const REST = (numbers.left % sw) + sw * back - reach;
    const SPAN = Math.floor((STRIP - 1 + reach + REST) / sw) + 1;
    const refused = stripRefusal([KH, KW], SPAN) ?? refusal(call);
    if (refused) return refused;
    const [n = 0, down = 0, across = 0, C = 0] = call.arg.gx.shape;
    const count = n * down * Math.ceil(across / STRIP) * (C / width);
    const kernel = strip(width, { KH, KW, SW: sw, DW: dw, REST, SPAN, MANY: m });
    return { dispatches: [{ shader: kernel, params: { ...numbers, back, count }, workgroups: grid(count, 64) }] };
  },
});

const vec4 = stripVariant('vec4', 4, ({ arg: { gy, w, gx } }) => {
  if (gx.channels !== gy.channels) return NO_MULTIPLIER;
  return vec4Ready(gy, w, gx) ? undefined : NEEDS_VEC4;
});

const scalar = stripVariant('scalar', 1, () => undefined);

const reference: Variant<InputGradientCall> = {
  name: 'naive',
  launch: (call) => {
    const count = call.arg.gx.rows * call.arg.gx.channels;
    return { dispatches: [{ shader: naive, params: { ...params(call), count }, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<InputGradientCall> = stripKernels(vec4, scalar, reference);
