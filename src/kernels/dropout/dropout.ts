import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import {
  checkShape,
  formatShape,
  SHAPE,
  type Shape,
  sameShape,
  TENSOR,
  type Tensor,
  type TensorType,
} from '../../autograd/tensor.js';
import { checked, NUMBER } from '../../gpu/arguments.js';
import { ShapeError } from '../../gpu/errors.js';
import { RANDOM, type Random } from './random.js';

function checkState(op: string, state: TensorType): void {
  if (state.dtype !== 'u32' || !sameShape(state.shape, [4]))
    throw new ShapeError(op, `state must be u32 [4], got ${state.dtype} ${formatShape(state.shape)}`);
}

export interface DropoutAttrs {
  stream: number;
  rate: number;
}

/** WGSL of the generator's functions, which comes with the kernels. */
let philox = '';

/** y = x·m / (1 − rate), where m is 0 with probability `rate` and 1 otherwise, drawn from a stream of the generator. */
export const dropoutOp: Op<DropoutAttrs> = {
  name: 'dropout',
  args: ['x', 'state'],
  results: ['y'],
  epilogue: 'y',
  pointwise: {
    operands: ['x'],
    body: 'return x * select(0.0, factor, word >> 8u >= threshold);',
    numbers: (attrs) => ({
      stream: { type: 'u32', value: attrs.stream },
      threshold: { type: 'u32', value: mask(attrs).threshold },
      factor: { type: 'f32', value: mask(attrs).factor },
    }),
    random: {
      state: 'state',
      words: 'philox(vec4u(quad, stream, state[2], state[3]), vec2u(state[0], state[1]))',
      functions: () => philox,
    },
  },
  strided: ['x', 'y'],
  infer: ([x, state], { rate }) => {
    if (!(rate >= 0 && rate < 1)) throw new ShapeError('dropout', `rate must be in [0, 1), got ${rate}`);
    checkState('dropout', state as TensorType);
    return [x as TensorType];
  },
  // y is x times a diagonal  ⇒  gx = gy·m / (1 − rate), with m drawn once more
  gradient: (node, [gy], [needsX]) => [
    gy && needsX ? applyOne(dropoutOp, [gy, node.inputs[1]], node.attrs as DropoutAttrs) : undefined,
  ],
  variants: /* @__PURE__ */ onDemand(async () => {
    const kernels = await import('./kernels.js');
    philox = kernels.philox;
    return kernels.dropoutVariants;
  }),
  cost: (call) => {
    const { rows, channels } = arg(call, 'y');
    return { flops: rows * channels, bytes: 8 * rows * channels };
  },
};

/** An element stays, times `factor`, where a random number of 24 bits is at least `threshold`. */
export const mask = ({ rate }: DropoutAttrs) => ({ threshold: Math.round(rate * 2 ** 24), factor: 1 / (1 - rate) });

export interface NoiseAttrs {
  stream: number;
  shape: Shape;
  distribution: 'normal' | 'uniform';
}

/** Random numbers from a stream of the generator. */
export const noiseOp: Op<NoiseAttrs> = {
  name: 'noise',
  args: ['state'],
  results: ['y'],
  strided: ['y'],
  infer: ([state], { shape }) => {
    checkShape('noise', 'shape', shape);
    checkState('noise', state as TensorType);
    return [{ shape, dtype: 'f32' }];
  },
  variants: /* @__PURE__ */ onDemand(async () => (await import('./kernels.js')).noiseVariants),
  cost: (call) => ({ flops: 0, bytes: 4 * arg(call, 'y').rows * arg(call, 'y').channels }),
};

/**
 * x of any shape with each element set to zero with probability `rate` and the others divided by 1 − rate (spec §4: 0.5 in the
 * first decoder blocks). Every `plan.run` draws a new mask. `ShapeError` unless 0 ≤ rate < 1.
 */
export function dropout(...args: [x: Tensor, random: Random, rate?: number]): Tensor {
  const [x, random, rate = 0.5] = checked('dropout', { x: TENSOR, random: RANDOM, 'rate?': NUMBER }, args);
  return applyOne(dropoutOp, [x, random.state], { stream: random.stream(), rate });
}

/** Standard normal numbers, new ones at every `plan.run`; no gradient. The vector z of the `paper` preset is [N, 64]. */
export function noise(...args: [random: Random, shape: Shape]): Tensor {
  const [random, shape] = checked('noise', { random: RANDOM, shape: SHAPE }, args);
  return applyOne(noiseOp, [random.state], { stream: random.stream(), shape, distribution: 'normal' });
}

/** Numbers uniform in [0, 1), multiples of 2⁻²⁴, new ones at every `plan.run`; no gradient. */
export function uniformNoise(...args: [random: Random, shape: Shape]): Tensor {
  const [random, shape] = checked('uniformNoise', { random: RANDOM, shape: SHAPE }, args);
  return applyOne(noiseOp, [random.state], { stream: random.stream(), shape, distribution: 'uniform' }, 'uniformNoise');
}
