import momentumScalarSource from '../../../shaders/sgd/momentum-scalar.wgsl';
import momentumVec4Source from '../../../shaders/sgd/momentum-vec4.wgsl';
import scalarSource from '../../../shaders/sgd/scalar.wgsl';
import vec4Source from '../../../shaders/sgd/vec4.wgsl';
import { grid, type Kernels, type Launch, type Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import type { SGDCall } from './sgd.js';

const scalar = {
  plain: shader('sgd/scalar', scalarSource),
  momentum: shader('sgd/momentum-scalar', momentumScalarSource),
};
const vec4 = { plain: shader('sgd/vec4', vec4Source), momentum: shader('sgd/momentum-vec4', momentumVec4Source) };

function launch({ arg: { weights, scale }, attrs }: SGDCall, { plain, momentum }: typeof vec4, lanes: 1 | 4): Launch {
  const { rule } = attrs;
  const count = weights.channels;
  const decay = { DECAY: Number(rule.decay), SCALED: Number(scale !== undefined) };
  const constants: Readonly<Record<string, number>> = rule.momentum
    ? { ...decay, NESTEROV: Number(rule.nesterov) }
    : decay;
  const kernel = rule.momentum ? momentum : plain;
  return { dispatches: [{ shader: kernel, constants, params: { count }, workgroups: grid(count / lanes, 64) }] };
}

const vec4Variant: Variant<SGDCall> = { name: 'vec4', launch: (call) => launch(call, vec4, 4) };
const reference: Variant<SGDCall> = { name: 'naive', launch: (call) => launch(call, scalar, 1) };

export const kernels: Kernels<SGDCall> = {
  variants: [vec4Variant, reference],
  reference,
  choose: () => ({ variant: vec4Variant, reason: 'slabs are padded to multiples of 4 elements' }),
};
