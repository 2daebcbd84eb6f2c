import naiveSource from '../../../shaders/slice/pad.wgsl';
import vec4Source from '../../../shaders/slice/pad-vec4.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, grid } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';

export const variants: readonly Variant<{ at: number; channels: number }>[] = [
  {
    name: 'vec4',
    rejects: ({ attrs, arg: { x, y } }) =>
      (x?.channels ?? 0) % 4 ||
      (x?.stride ?? 0) % 4 ||
      (x?.offset ?? 0) % 4 ||
      attrs.at % 4 ||
      (y?.channels ?? 0) % 4 ||
      (y?.stride ?? 0) % 4 ||
      (y?.offset ?? 0) % 4
        ? 'channels, strides and offsets must be multiples of 4'
        : undefined,
    launch: (call) => {
      const y = arg(call, 'y');
      const count = (y.rows * y.channels) / 4;
      const params = { at: call.attrs.at, count, channels: y.channels, x_channels: arg(call, 'x').channels };
      return { dispatches: [{ shader: vec4, params, workgroups: grid(count, 64) }] };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const y = arg(call, 'y');
      const count = y.rows * y.channels;
      const params = { at: call.attrs.at, count, channels: y.channels, x_channels: arg(call, 'x').channels };
      return { dispatches: [{ shader: naive, params, workgroups: grid(count, 64) }] };
    },
  },
];

const naive = shader('padChannels/naive', naiveSource);
const vec4 = shader('padChannels/vec4', vec4Source);
