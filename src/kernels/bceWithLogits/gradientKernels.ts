import gradientSource from '../../../shaders/bceWithLogits/gradient.wgsl';
import gradientVec4Source from '../../../shaders/bceWithLogits/gradient-vec4.wgsl';
import { grid, type Kernels, type Launch, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { BceWithLogitsGradientCall } from './bceWithLogits.js';
import { labelParams } from './label.js';

const naive = shader('bceWithLogitsGradient/naive', gradientSource);
const vec4 = shader('bceWithLogitsGradient/vec4', gradientVec4Source);

/** Launches one invocation for every `width` channels of the result. */
function launch(call: BceWithLogitsGradientCall, of: Shader, width: number): Launch {
  const { rows, channels } = call.arg.gx;
  const count = (rows * channels) / width;
  const params = { count, channels, factor: 1 / (rows * channels), ...labelParams(call) };
  return { dispatches: [{ shader: of, params, workgroups: grid(count, 64) }] };
}

export const kernels: Kernels<BceWithLogitsGradientCall> = vec4OrScalar(
  {
    name: 'vec4',
    launch: (call) => (vec4Ready(call.arg.logits, call.arg.labels, call.arg.gx) ? launch(call, vec4, 4) : NEEDS_VEC4),
  },
  { name: 'naive', launch: (call) => launch(call, naive, 1) },
);
