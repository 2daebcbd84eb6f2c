import gradientNaiveSource from '../../../shaders/affineWarp/gradient-naive.wgsl';
import gradientVec4Source from '../../../shaders/affineWarp/gradient-vec4.wgsl';
import naiveSource from '../../../shaders/affineWarp/naive.wgsl';
import vec4Source from '../../../shaders/affineWarp/vec4.wgsl';
import { arg, type Call, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { AffineWarpAttrs } from './affineWarp.js';

/** One invocation per element (`step` 1) or four channels (`step` 4) of the result called `of`. */
function variant(
  name: string,
  kernel: Shader,
  of: 'y' | 'gx',
  from: 'x' | 'gy',
  step: 1 | 4,
): Variant<AffineWarpAttrs> {
  return {
    name,
    rejects: ({ arg: a }) =>
      step === 4 && !vec4Ready(a[of], a[from]) && 'channels, strides and offsets must be multiples of 4',
    launch: (call: Call<AffineWarpAttrs>) => {
      const image = arg(call, of === 'y' ? 'x' : 'gx').shape;
      const { rows, channels } = arg(call, of);
      const count = (rows * channels) / step;
      const params = {
        count,
        channels,
        parts: arg(call, 'affine').shape[1] as number,
        height: image[1] as number,
        width: image[2] as number,
        scale: call.attrs.scale,
      };
      return { dispatches: [{ shader: kernel, params, workgroups: grid(count, 64) }] };
    },
  };
}

export const affineWarpGradientVariants: readonly Variant<AffineWarpAttrs>[] = [
  variant('vec4', shader('affineWarpGradient/vec4', gradientVec4Source), 'gx', 'gy', 4),
  variant('naive', shader('affineWarpGradient/naive', gradientNaiveSource), 'gx', 'gy', 1),
];

export const affineWarpVariants: readonly Variant<AffineWarpAttrs>[] = [
  variant('vec4', shader('affineWarp/vec4', vec4Source), 'y', 'x', 4),
  variant('naive', shader('affineWarp/naive', naiveSource), 'y', 'x', 1),
];
