import naiveSource from '../../../shaders/shift2d/naive.wgsl';
import vec4Source from '../../../shaders/shift2d/vec4.wgsl';
import { arg, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { type ShaderSource, shader } from '../../gpu/shader.js';
import type { ShiftAttrs } from './shift2d.js';

function variant(name: string, source: ShaderSource, step: 1 | 4): Variant<ShiftAttrs> {
  const kernel = shader(`shift2d/${name}`, source);
  return {
    name,
    rejects: ({ arg: { x, y } }) =>
      step === 4 && !vec4Ready(x, y) && 'channels, strides and offsets must be multiples of 4',
    launch: (call) => {
      const { rows, channels, shape } = arg(call, 'x');
      const count = (rows * channels) / step;
      const [height, width] = shape.slice(1) as [number, number];
      const params = { ...call.attrs, count, height, width, channels };
      return { dispatches: [{ shader: kernel, params, workgroups: grid(count, 64) }] };
    },
  };
}

export const variants: readonly Variant<ShiftAttrs>[] = [
  variant('vec4', vec4Source, 4),
  variant('naive', naiveSource, 1),
];
