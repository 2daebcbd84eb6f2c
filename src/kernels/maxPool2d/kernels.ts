import gradientSource from '../../../shaders/maxPool2d/gradient.wgsl';
import gradientVec4Source from '../../../shaders/maxPool2d/gradient-vec4.wgsl';
import naiveSource from '../../../shaders/maxPool2d/naive.wgsl';
import vec4Source from '../../../shaders/maxPool2d/vec4.wgsl';
import type { Variant } from '../../autograd/op.js';
import { arg, type Call, grid, type Launch, vec4Ready } from '../../autograd/op.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { Attrs } from './maxPool2d.js';

const naive = shader('maxPool2d/naive', naiveSource);
const vec4 = shader('maxPool2d/vec4', vec4Source);
const gradientNaive = shader('maxPool2dGradient/naive', gradientSource);
const gradientVec4 = shader('maxPool2dGradient/vec4', gradientVec4Source);

/** A launch of one invocation per `width` channels of the result; `x` is the op's input, `out` the size of its output. */
function launch(call: Call<Attrs>, of: Shader, result: string, out: string, width: number): Launch {
  const [, height, inWidth] = arg(call, 'x').shape as [number, number, number, number];
  const [, outHeight, outWidth] = arg(call, out).shape as [number, number, number, number];
  const { rows, channels } = arg(call, result);
  const { kernel, stride, pad } = call.attrs;
  const count = (rows * channels) / width;
  const params = {
    count,
    channels,
    height,
    width: inWidth,
    out_height: outHeight,
    out_width: outWidth,
    kernel_h: kernel[0],
    kernel_w: kernel[1],
    stride_h: stride[0],
    stride_w: stride[1],
    top: pad[0],
    left: pad[1],
  };
  return { dispatches: [{ shader: of, params, workgroups: grid(count, 64) }] };
}

export const maxPool2dVariants: readonly Variant<Attrs>[] = [
  {
    name: 'vec4',
    rejects: ({ arg: { x, y } }) => !vec4Ready(x, y) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => launch(call, vec4, 'y', 'y', 4),
  },
  { name: 'naive', launch: (call) => launch(call, naive, 'y', 'y', 1) },
];

export const maxPool2dGradientVariants: readonly Variant<Attrs>[] = [
  {
    name: 'vec4',
    rejects: ({ arg: { x, gy, gx } }) =>
      !vec4Ready(x, gy, gx) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => launch(call, gradientVec4, 'gx', 'gy', 4),
  },
  { name: 'naive', launch: (call) => launch(call, gradientNaive, 'gx', 'gy', 1) },
];
