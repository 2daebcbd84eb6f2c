import naiveSource from '../../../shaders/dropout/noise.wgsl';
import vec4Source from '../../../shaders/dropout/noise-vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { NoiseCall } from './dropout.js';

const naive = shader('noise/naive', naiveSource);
const vec4 = shader('noise/vec4', vec4Source);

export const kernels: Kernels<NoiseCall> = vec4OrScalar(
  { name: 'vec4', launch: (call) => (vec4Ready(call.arg.y) ? launch(vec4, 4, call) : NEEDS_VEC4) },
  { name: 'naive', launch: (call) => launch(naive, 1, call) },
);

/** Launches one invocation per `width` channels. */
function launch(kernel: Shader, width: number, { attrs, arg: { y } }: NoiseCall): Launch {
  const count = (y.rows * y.channels) / width;
  const normal = attrs.distribution === 'normal' ? 1 : 0;
  const params = { count, channels: y.channels, stream: attrs.stream, start: attrs.start ?? 0, normal };
  return { dispatches: [{ shader: kernel, params, workgroups: grid(count, 64) }] };
}
