import naiveSource from '../../../shaders/heatMaps/naive.wgsl';
import stripSource from '../../../shaders/heatMaps/strip.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, type Call, grid } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import type { HeatMapsAttrs } from './heatMaps.js';

const naive = shader('heatMaps/naive', naiveSource);
const strip = shader('heatMaps/strip', stripSource);

/** Columns of a row that one invocation of `strip` computes. */
const COLUMNS = 8;

function settings(call: Call<HeatMapsAttrs>) {
  const { height, width, sigma } = call.attrs;
  const { rows, channels } = arg(call, 'y');
  return { rows, channels, params: { joint_count: channels, height, width, scale: -0.5 / sigma ** 2 } };
}

export const variants: readonly Variant<HeatMapsAttrs>[] = [
  {
    name: 'strip',
    launch: (call) => {
      const { rows, channels, params } = settings(call);
      const strips = Math.ceil(params.width / COLUMNS);
      const count = (rows / params.width) * strips * channels;
      const constants = { COLUMNS };
      return {
        dispatches: [{ shader: strip, constants, params: { ...params, count, strips }, workgroups: grid(count, 64) }],
      };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const { rows, channels, params } = settings(call);
      const count = rows * channels;
      return { dispatches: [{ shader: naive, params: { ...params, count }, workgroups: grid(count, 64) }] };
    },
  },
];
