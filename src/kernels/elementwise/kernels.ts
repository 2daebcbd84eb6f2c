import binarySource from '../../../shaders/elementwise/binary.wgsl';
import binaryVec4Source from '../../../shaders/elementwise/binary-vec4.wgsl';
import unarySource from '../../../shaders/elementwise/unary.wgsl';
import unaryVec4Source from '../../../shaders/elementwise/unary-vec4.wgsl';
import { arg, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { type Shader, type ShaderSource, shader, withFunctionBody } from '../../gpu/shader.js';
import type { KAttrs } from './elementwise.js';

function fill(kind: string, source: ShaderSource, body: string): Shader {
  return shader(`elementwise/${kind}`, { ...source, code: withFunctionBody(source.code, 'f', body) });
}

/** The kernels of a unary or binary op, whose function `f` has this body. */
export function variants(kind: string, operands: 1 | 2, body: string): readonly Variant<KAttrs>[] {
  const scalar = fill(kind, operands === 1 ? unarySource : binarySource, body);
  const vec4 = fill(`${kind}-vec4`, operands === 1 ? unaryVec4Source : binaryVec4Source, body);
  return [
    {
      name: 'vec4',
      rejects: ({ arg: a }) =>
        !vec4Ready(...Object.values(a)) && 'channels, strides and offsets must be multiples of 4',
      launch: (call) => {
        const { rows, channels } = arg(call, 'y');
        const count = (rows * channels) / 4;
        return {
          dispatches: [{ shader: vec4, params: { count, channels, k: call.attrs.k }, workgroups: grid(count, 64) }],
        };
      },
    },
    {
      name: 'naive',
      launch: (call) => {
        const { rows, channels } = arg(call, 'y');
        const count = rows * channels;
        return {
          dispatches: [{ shader: scalar, params: { count, channels, k: call.attrs.k }, workgroups: grid(count, 64) }],
        };
      },
    },
  ];
}
