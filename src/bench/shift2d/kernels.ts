import naiveSource from '../../../shaders/shift2d/naive.wgsl';
import vec4Source from '../../../shaders/shift2d/vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { ShiftCall } from './shift2d.js';

const naive = shader('shift2d/naive', naiveSource);
const vec4 = shader('shift2d/vec4', vec4Source);

export const kernels: Kernels<ShiftCall> = vec4OrScalar(
  { name: 'vec4', launch: (call) => (vec4Ready(call.arg.x, call.arg.y) ? launch(vec4, 4, call) : NEEDS_VEC4) },
  { name: 'naive', launch: (call) => launch(naive, 1, call) },
);

/** Launches one invocation per `width` channels. */
function launch(kernel: Shader, width: number, { attrs, arg: { x } }: ShiftCall): Launch {
  const [, H = 0, W = 0] = x.shape;
  const count = (x.rows * x.channels) / width;
  const params = { ...attrs, count, height: H, width: W, channels: x.channels };
  return { dispatches: [{ shader: kernel, params, workgroups: grid(count, 64) }] };
}
