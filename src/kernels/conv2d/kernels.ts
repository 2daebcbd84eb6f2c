import naiveSource from '../../../shaders/conv2d/naive.wgsl';
import registersSource from '../../../shaders/conv2d/registers.wgsl';
import scalarSource from '../../../shaders/conv2d/scalar.wgsl';
import tiledSource from '../../../shaders/conv2d/tiled.wgsl';
import { grid, type Kernels, NEEDS_VEC4, type Variant, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { Conv2dCall } from './conv2d.js';
import { convParams } from './launch.js';
import { tiledVariants } from './tiles.js';

const naive = shader('conv2d/naive', naiveSource);
const scalar = shader('conv2d/scalar', scalarSource);
const registers = shader('conv2d/registers', registersSource);

const tiled = tiledVariants<Conv2dCall>({
  op: 'conv2d',
  source: tiledSource,
  params: convParams,
  product: ({ arg: { w, y } }) => {
    const [KH = 0, KW = 0, C = 0] = w.shape;
    return { rows: y.rows, columns: y.channels, steps: KH * KW * Math.ceil(C / 8), copies: 1 };
  },
  scalar: ({ arg: { x, w, y, bias } }) => [
    ...(vec4Ready(x) ? [] : ['x']),
    ...(vec4Ready(w, y, bias) ? [] : ['w', 'bias', 'y']),
  ],
});

export const registersVariant: Variant<Conv2dCall> = {
  name: 'registers',
  launch: (call) => {
    const { x, w, y, bias } = call.arg;
    if (!vec4Ready(x, w, y, bias)) return NEEDS_VEC4;
    const count = Math.ceil(y.rows / 8) * Math.ceil(y.channels / 8);
    return { dispatches: [{ shader: registers, params: convParams(call), workgroups: grid(count, 32) }] };
  },
};

export const scalarVariant: Variant<Conv2dCall> = {
  name: 'scalar',
  launch: (call) => {
    const { rows, channels } = call.arg.y;
    const count = Math.ceil(rows / 8) * Math.ceil(channels / 4);
    return { dispatches: [{ shader: scalar, params: convParams(call), workgroups: grid(count, 32) }] };
  },
};

const reference: Variant<Conv2dCall> = {
  name: 'naive',
  launch: (call) => {
    const { rows, channels } = call.arg.y;
    return { dispatches: [{ shader: naive, params: convParams(call), workgroups: grid(rows * channels, 64) }] };
  },
};

const untiled = vec4OrScalar(registersVariant, scalarVariant);

export const kernels: Kernels<Conv2dCall> = {
  variants: [...tiled.variants, registersVariant, scalarVariant, reference],
  reference,
  choose: (call) => {
    const best = tiled.best(call);
    if (typeof best !== 'string') return best;
    const { variant, reason } = untiled.choose(call);
    return { variant, reason: `${best}; ${reason}` };
  },
};
