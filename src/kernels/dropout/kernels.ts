import naiveSource from '../../../shaders/dropout/naive.wgsl';
import vec4Source from '../../../shaders/dropout/vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { functionsOf, type Shader, shader } from '../../gpu/shader.js';
import type { DropoutCall } from './dropout.js';
import { mask } from './mask.js';

const naive = shader('dropout/naive', naiveSource);
const vec4 = shader('dropout/vec4', vec4Source);

export const kernels: Kernels<DropoutCall> = {
  ...vec4OrScalar(
    { name: 'vec4', launch: (call) => (vec4Ready(call.arg.x, call.arg.y) ? launch(vec4, 4, call) : NEEDS_VEC4) },
    { name: 'naive', launch: (call) => launch(naive, 1, call) },
  ),
  // Kernels that dropout is fused with call the generator.
  functions: functionsOf(naiveSource.code),
};

/** Launches one invocation per `width` channels. */
function launch(kernel: Shader, width: number, { attrs, arg: { y } }: DropoutCall): Launch {
  const count = (y.rows * y.channels) / width;
  const params = { count, channels: y.channels, stream: attrs.stream, start: attrs.start ?? 0, ...mask(attrs) };
  return { dispatches: [{ shader: kernel, params, workgroups: grid(count, 64) }] };
}
