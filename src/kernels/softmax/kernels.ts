import gradientLanesSource from '../../../shaders/softmax/gradient-lanes.wgsl';
import gradientNaiveSource from '../../../shaders/softmax/gradient-naive.wgsl';
import lanesSource from '../../../shaders/softmax/lanes.wgsl';
import naiveSource from '../../../shaders/softmax/naive.wgsl';
import type { Arg, Call, Kernels, Variant } from '../../autograd/kernel.js';
import { type ShaderSource, shader } from '../../gpu/shader.js';
import { byLanes, byRows, SHARED_ROWS } from './lanes.js';
import type { SoftmaxCall, SoftmaxGradientCall } from './softmax.js';

/** Returns the kernels of softmax, or of its logarithm. */
export const softmaxKernels = (name: string, log: boolean): Kernels<SoftmaxCall> =>
  rowKernels(name, log, lanesSource, naiveSource, ({ arg }) => arg.y);

/** Returns the kernels of their gradients. */
export const gradientKernels = (name: string, log: boolean): Kernels<SoftmaxGradientCall> =>
  rowKernels(name, log, gradientLanesSource, gradientNaiveSource, ({ arg }) => arg.gx);

function rowKernels<C extends Call<null, unknown>>(
  name: string,
  log: boolean,
  lanesCode: ShaderSource,
  naiveCode: ShaderSource,
  resultOf: (call: C) => Arg,
): Kernels<C> {
  const constants = { LOG: Number(log) };
  const [lanesShader, naiveShader] = [shader(`${name}/lanes`, lanesCode), shader(`${name}/naive`, naiveCode)];
  const lanes: Variant<C> = {
    name: 'lanes',
    launch: (call) => ({ dispatches: [byLanes(resultOf(call), { shader: lanesShader, constants })] }),
  };
  const naive: Variant<C> = {
    name: 'naive',
    launch: (call) => ({ dispatches: [byRows(resultOf(call), { shader: naiveShader, constants })] }),
  };
  return { variants: [lanes, naive], reference: naive, choose: () => ({ variant: lanes, reason: SHARED_ROWS }) };
}
