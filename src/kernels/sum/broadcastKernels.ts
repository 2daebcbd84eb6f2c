import broadcastSource from '../../../shaders/sum/broadcast.wgsl';
import broadcastVec4Source from '../../../shaders/sum/broadcast-vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { BroadcastCall } from './sum.js';
import { viewOf } from './view.js';

const naive = shader('broadcast/naive', broadcastSource);
const vec4 = shader('broadcast/vec4', broadcastVec4Source);

/** Launches one invocation for every `width` channels of the result. */
function launch({ arg: { y }, attrs }: BroadcastCall, of: Shader, width: number): Launch {
  const { mid, inner } = viewOf('broadcast', y, attrs.over);
  const count = (y.rows * y.channels) / width;
  const params = { count, mid, inner, channels: y.channels, factor: attrs.factor };
  return { dispatches: [{ shader: of, params, workgroups: grid(count, 64) }] };
}

export const kernels: Kernels<BroadcastCall> = vec4OrScalar(
  { name: 'vec4', launch: (call) => (vec4Ready(call.arg.y) ? launch(call, vec4, 4) : NEEDS_VEC4) },
  { name: 'naive', launch: (call) => launch(call, naive, 1) },
);
