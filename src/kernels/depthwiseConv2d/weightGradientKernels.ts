import sumSource from '../../../shaders/conv2d/gradient-sum.wgsl';
import naiveSource from '../../../shaders/depthwiseConv2d/weight-gradient-naive.wgsl';
import stripSource from '../../../shaders/depthwiseConv2d/weight-gradient-strip.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, type Variant, vec4Ready } from '../../autograd/kernel.js';
import { shader, withVariable } from '../../gpu/shader.js';
import { scratchLimit } from '../conv2d/launch.js';
import type { WeightGradientCall } from './depthwiseConv2d.js';
import { NO_MULTIPLIER, STRIP, spanOf, stripKernel, stripKernels, stripRefusal, windowParams } from './launch.js';

const naive = shader('depthwiseConv2dWeightGradient/naive', naiveSource);
const split = stripKernel('depthwiseConv2dWeightGradient/strip', stripSource);
const whole = stripKernel('depthwiseConv2dWeightGradient/whole', stripSource, (label, source) =>
  withVariable(label, source, 'partials', 'gw'),
);
const sum = withVariable('depthwiseConv2dWeightGradient/sum', sumSource, 'total', 'gw');

/** This number of workgroups keeps a large GPU busy. */
const ENOUGH = 2048;
/** The most chunks of a sum, because one invocation adds their partial sums one after the other. */
const MOST_CHUNKS = 128;
/** The fewest strips of a chunk, which are four for each of the eight invocations that share a channel. */
const SHORTEST = 32;
/** A workgroup processes this many groups of channels; the shader has the same number. */
const ACROSS = 8;

function params({ attrs, arg: { x, gy, gw } }: WeightGradientCall) {
  const [KH = 0, KW = 0] = gw.shape;
  return { ...windowParams(attrs, x, gy), KH, KW };
}

/** Returns the strip kernel whose invocations process `width` channels each. */
const stripVariant = (name: string, width: number, refusal: (call: WeightGradientCall) => string | undefined) => ({
  name,
  launch: (call: WeightGradientCall): Launch | string => {
    const { KW, sw, dw, ...numbers } = params(call);
    const { N, Ho, Wo, O, KH } = numbers;
    const SPAN = spanOf(call.attrs, [KH, KW]);
    const refused = stripRefusal([KH, KW], SPAN) ?? refusal(call);
    if (refused) return refused;
    const strips = N * Ho * Math.ceil(Wo / STRIP);
    const groups = KH * Math.ceil(O / width / ACROSS);
    const count = call.arg.gw.rows * O;
    const room = Math.floor(scratchLimit(call.device) / count);
    const wanted = Math.min(Math.ceil(ENOUGH / groups), Math.ceil(strips / SHORTEST), MOST_CHUNKS, room);
    const chunk = Math.ceil(strips / Math.max(1, wanted));
    const splits = Math.ceil(strips / chunk);
    const kernel = (splits === 1 ? whole : split)(width, { KW, SW: sw, DW: dw, SPAN });
    const [across, down] = grid(groups, 1);
    const first = { shader: kernel, params: { ...numbers, chunk }, workgroups: [across, down, splits] as const };
    if (splits === 1) return { dispatches: [first] };
    return {
      scratch: { partials: splits * count },
      dispatches: [first, { shader: sum, params: { count, splits }, workgroups: grid(count, 64) }],
    };
  },
});

const vec4 = stripVariant('vec4', 4, ({ arg: { x, gy, gw } }) => {
  if (x.channels !== gy.channels) return NO_MULTIPLIER;
  return vec4Ready(x, gy, gw) ? undefined : NEEDS_VEC4;
});

const scalar = stripVariant('scalar', 1, () => undefined);

const reference: Variant<WeightGradientCall> = {
  name: 'naive',
  launch: (call) => {
    const count = call.arg.gw.rows * call.arg.gw.channels;
    return { dispatches: [{ shader: naive, params: { ...params(call), count }, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<WeightGradientCall> = stripKernels(vec4, scalar, reference);
