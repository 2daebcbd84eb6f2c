import naiveSource from '../../../shaders/slice/pad.wgsl';
import vec4Source from '../../../shaders/slice/pad-vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { PadCall } from './slice.js';

const naive = shader('padChannels/naive', naiveSource);
const vec4 = shader('padChannels/vec4', vec4Source);

export const kernels: Kernels<PadCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: (call) => {
      if (call.attrs.at % 4 !== 0) return 'the first channel of x in the result must be a multiple of 4';
      return vec4Ready(call.arg.x, call.arg.y) ? launch(vec4, 4, call) : NEEDS_VEC4;
    },
  },
  { name: 'naive', launch: (call) => launch(naive, 1, call) },
);

/** Launches one invocation per `width` channels. */
function launch(kernel: Shader, width: number, { attrs: { at }, arg: { x, y } }: PadCall): Launch {
  const count = (y.rows * y.channels) / width;
  const params = { at, count, channels: y.channels, x_channels: x.channels };
  return { dispatches: [{ shader: kernel, params, workgroups: grid(count, 64) }] };
}
