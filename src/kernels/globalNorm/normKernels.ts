import finishSource from '../../../shaders/globalNorm/finish.wgsl';
import finishTreeSource from '../../../shaders/globalNorm/finish-tree.wgsl';
import type { Kernels, Variant } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { NormCall } from './globalNorm.js';

const finish = shader('globalNorm/finish', finishSource);
const finishTree = shader('globalNorm/finish-tree', finishTreeSource);

const variant = (name: string, of: Shader): Variant<NormCall> => ({
  name,
  launch: ({ attrs, arg: { partial } }) => {
    const params = { count: partial.channels, max_norm: attrs.maxNorm };
    return { dispatches: [{ shader: of, params, workgroups: [1, 1, 1] }] };
  },
});

const tree = variant('tree', finishTree);
const reference = variant('naive', finish);

export const kernels: Kernels<NormCall> = {
  variants: [tree, reference],
  reference,
  choose: () => ({ variant: tree, reason: 'a workgroup adds the partial sums in a tree' }),
};
