import naiveSource from '../../../shaders/dropout/naive.wgsl';
import noiseSource from '../../../shaders/dropout/noise.wgsl';
import noiseVec4Source from '../../../shaders/dropout/noise-vec4.wgsl';
import vec4Source from '../../../shaders/dropout/vec4.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, grid, vec4Ready } from '../../autograd/op.js';
import { functionsOf, type Shader, shader } from '../../gpu/shader.js';
import { type DropoutAttrs, mask, type NoiseAttrs } from './dropout.js';

export const dropoutVariants: readonly Variant<DropoutAttrs>[] = [
  {
    name: 'vec4',
    rejects: ({ arg: { x, y } }) => !vec4Ready(x, y) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => launch(shader4, 4, arg(call, 'y'), call.attrs),
  },
  { name: 'naive', launch: (call) => launch(shader1, 1, arg(call, 'y'), call.attrs) },
];

/** The generator's functions, for the kernels that dropout is fused with. */
export const philox = functionsOf(naiveSource.code);

const shader1 = shader('dropout/naive', naiveSource);
const shader4 = shader('dropout/vec4', vec4Source);

function launch(of: Shader, width: number, y: { rows: number; channels: number }, attrs: DropoutAttrs) {
  const count = (y.rows * y.channels) / width;
  const params = { count, channels: y.channels, stream: attrs.stream, ...mask(attrs) };
  return { dispatches: [{ shader: of, params, workgroups: grid(count, 64) }] };
}

export const noiseVariants: readonly Variant<NoiseAttrs>[] = [
  {
    name: 'vec4',
    rejects: ({ arg: { y } }) => !vec4Ready(y) && 'channels, stride and offset must be multiples of 4',
    launch: (call) => launchNoise(noiseVec4, 4, arg(call, 'y'), call.attrs),
  },
  { name: 'naive', launch: (call) => launchNoise(noiseNaive, 1, arg(call, 'y'), call.attrs) },
];

const noiseNaive = shader('noise/naive', noiseSource);
const noiseVec4 = shader('noise/vec4', noiseVec4Source);

function launchNoise(of: Shader, width: number, y: { rows: number; channels: number }, attrs: NoiseAttrs) {
  const count = (y.rows * y.channels) / width;
  const normal = attrs.distribution === 'normal' ? 1 : 0;
  const params = { count, channels: y.channels, stream: attrs.stream, normal };
  return { dispatches: [{ shader: of, params, workgroups: grid(count, 64) }] };
}
