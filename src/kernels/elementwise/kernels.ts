import binaryCode from '../../../shaders/elementwise/binary.wgsl?raw';
import binaryVec4Code from '../../../shaders/elementwise/binary-vec4.wgsl?raw';
import unaryCode from '../../../shaders/elementwise/unary.wgsl?raw';
import unaryVec4Code from '../../../shaders/elementwise/unary-vec4.wgsl?raw';
import { arg, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { type Shader, shader, withFunctionBody } from '../../gpu/shader.js';
import type { KAttrs } from './elementwise.js';

function fill(kind: string, code: string, body: string): Shader {
  return shader(`elementwise/${kind}`, withFunctionBody(code, 'f', body));
}

/** The kernels of a unary or binary op, whose function `f` has this body. */
export function variants(kind: string, operands: 1 | 2, body: string): readonly Variant<KAttrs>[] {
  const scalar = fill(kind, operands === 1 ? unaryCode : binaryCode, body);
  const vec4 = fill(`${kind}-vec4`, operands === 1 ? unaryVec4Code : binaryVec4Code, body);
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
