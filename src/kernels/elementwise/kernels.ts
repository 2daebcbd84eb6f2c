import binarySource from '../../../shaders/elementwise/binary.wgsl';
import binaryVec4Source from '../../../shaders/elementwise/binary-vec4.wgsl';
import unarySource from '../../../shaders/elementwise/unary.wgsl';
import unaryVec4Source from '../../../shaders/elementwise/unary-vec4.wgsl';
import { type Arg, type Call, grid, type Kernels, NEEDS_VEC4, vec4OrScalar, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, type ShaderSource, shader, withFunctionBody } from '../../gpu/shader.js';
import type { BinaryCall, KAttrs, UnaryCall } from './ops.js';

/** Returns the kernels of a unary op whose WGSL function `f(x, k)` has this body. */
export function unaryKernels(kind: string, body: string): Kernels<UnaryCall> {
  return elementwiseKernels(fill(`${kind}-vec4`, unaryVec4Source, body), fill(kind, unarySource, body), () => ({}));
}

/** Returns the kernels of a binary op whose WGSL function `f(a, b, k)` has this body. */
export function binaryKernels(kind: string, body: string): Kernels<BinaryCall> {
  const [vec4, scalar] = [fill(`${kind}-vec4`, binaryVec4Source, body), fill(kind, binarySource, body)];
  const step = (x: Arg, y: Arg) => (x.channels < y.channels ? 0 : 1);
  return elementwiseKernels(vec4, scalar, ({ a, b, y }) => ({ a_step: step(a, y), b_step: step(b, y) }));
}

function fill(kind: string, source: ShaderSource, body: string): Shader {
  return shader(`elementwise/${kind}`, { ...source, code: withFunctionBody(source.code, 'f', body) });
}

function elementwiseKernels<V extends Readonly<Record<string, Arg>> & { readonly y: Arg }>(
  vec4: Shader,
  scalar: Shader,
  steps: (arg: V) => Readonly<Record<string, number>>,
): Kernels<Call<KAttrs, V>> {
  return vec4OrScalar<KAttrs, V>(
    {
      name: 'vec4',
      launch: ({ attrs: { k }, arg }) => {
        if (!vec4Ready(...Object.values<Arg>(arg))) return NEEDS_VEC4;
        const { rows, channels } = arg.y;
        const params = { count: (rows * channels) / 4, channels, k };
        return { dispatches: [{ shader: vec4, params, workgroups: grid(params.count, 64) }] };
      },
    },
    {
      name: 'naive',
      launch: ({ attrs: { k }, arg }) => {
        const { rows, channels } = arg.y;
        const params = { count: rows * channels, channels, k, ...steps(arg) };
        return { dispatches: [{ shader: scalar, params, workgroups: grid(params.count, 64) }] };
      },
    },
  );
}
