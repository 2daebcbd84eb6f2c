import naiveSource from '../../../shaders/globalNorm/naive.wgsl';
import treeSource from '../../../shaders/globalNorm/tree.wgsl';
import vec4Source from '../../../shaders/globalNorm/tree-vec4.wgsl';
import { grid, type Kernels, type Variant } from '../../autograd/kernel.js';
import { sizeOf } from '../../autograd/tensor.js';
import { shader } from '../../gpu/shader.js';
import type { SquaresCall } from './globalNorm.js';
import { NAMES, partsOf } from './parts.js';

const naive = shader('globalNorm/naive', naiveSource);
const tree = shader('globalNorm/tree', treeSource);
const treeVec4 = shader('globalNorm/tree-vec4', vec4Source);

/** Returns the tensors of a call, and the numbers of the kernels: the sizes of the tensors and `parts`. */
function sizesOf({ arg }: SquaresCall) {
  const xs = NAMES.flatMap((name) => arg[name] ?? []);
  const sizes = NAMES.map((name, k): [string, number] => [`n${k}`, arg[name] ? sizeOf(arg[name].shape) : 0]);
  return { xs, params: { parts: partsOf(xs), ...Object.fromEntries(sizes) } };
}

const vec4Variant: Variant<SquaresCall> = {
  name: 'tree-vec4',
  launch: (call) => {
    const { xs, params } = sizesOf(call);
    if (xs.some((x) => sizeOf(x.shape) % 4)) return 'the sizes of the tensors must be multiples of 4';
    return { dispatches: [{ shader: treeVec4, params, workgroups: [params.parts, xs.length, 1] }] };
  },
};

const treeVariant: Variant<SquaresCall> = {
  name: 'tree',
  launch: (call) => {
    const { xs, params } = sizesOf(call);
    return { dispatches: [{ shader: tree, params, workgroups: [params.parts, xs.length, 1] }] };
  },
};

const reference: Variant<SquaresCall> = {
  name: 'naive',
  launch: (call) => {
    const { xs, params } = sizesOf(call);
    const count = xs.length * params.parts;
    return { dispatches: [{ shader: naive, params: { count, ...params }, workgroups: grid(count, 64) }] };
  },
};

export const kernels: Kernels<SquaresCall> = {
  variants: [vec4Variant, treeVariant, reference],
  reference,
  choose: (call) => {
    const refusal = vec4Variant.launch(call);
    return typeof refusal === 'string'
      ? { variant: treeVariant, reason: refusal }
      : { variant: vec4Variant, reason: 'the sizes of the tensors are multiples of 4' };
  },
};
