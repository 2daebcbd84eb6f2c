import naiveCode from '../../../shaders/shift2d/naive.wgsl?raw';
import vec4Code from '../../../shaders/shift2d/vec4.wgsl?raw';
import { arg, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import type { ShiftAttrs } from './shift2d.js';

function variant(name: string, code: string, step: 1 | 4): Variant<ShiftAttrs> {
  const kernel = shader(`shift2d/${name}`, code);
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

export const variants: readonly Variant<ShiftAttrs>[] = [variant('vec4', vec4Code, 4), variant('naive', naiveCode, 1)];
