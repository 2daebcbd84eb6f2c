import naiveSource from '../../../shaders/heatMaps/naive.wgsl';
import stripSource from '../../../shaders/heatMaps/strip.wgsl';
import { grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { HeatMapsCall } from './heatMaps.js';

const naive = shader('heatMaps/naive', naiveSource);
const stripShader = shader('heatMaps/strip', stripSource);

/** The number of columns of a row that one invocation of `strip` computes. */
const COLUMNS = 8;

function settings({ arg: { y }, attrs }: HeatMapsCall) {
  const { height, width, sigma } = attrs;
  const { rows, channels } = y;
  return { rows, channels, params: { joint_count: channels, height, width, scale: -0.5 / sigma ** 2 } };
}

const strip: Variant<HeatMapsCall> = {
  name: 'strip',
  launch: (call) => {
    const { rows, channels, params } = settings(call);
    const strips = Math.ceil(params.width / COLUMNS);
    const count = (rows / params.width) * strips * channels;
    const constants = { COLUMNS };
    return {
      dispatches: [
        { shader: stripShader, constants, params: { ...params, count, strips }, workgroups: grid(count, 64) },
      ],
    };
  },
};

const reference: Variant<HeatMapsCall> = {
  name: 'naive',
  launch: (call) => {
    const { rows, channels, params } = settings(call);
    const count = rows * channels;
    return { dispatches: [{ shader: naive, params: { ...params, count }, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<HeatMapsCall> = {
  variants: [strip, reference],
  reference,
  choose: () => ({ variant: strip, reason: `an invocation reads a joint once for ${COLUMNS} columns` }),
};
