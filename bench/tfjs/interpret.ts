import type * as Core from '@tensorflow/tfjs-core';
import type { Node, Tensor } from '../../src/autograd/tensor.js';
import type { ConvAttrs } from '../../src/kernels/conv2d/convolution.js';
import type { DropoutAttrs } from '../../src/kernels/dropout/dropout.js';
import type { Mode } from '../../src/kernels/instanceNorm/view.js';
import type { SliceAttrs } from '../../src/kernels/slice/slice.js';

/** Computes result number `result` of a node with TensorFlow.js; `args` are its arguments in order. */
type Rule = (tf: typeof Core, args: readonly Core.Tensor[], node: Node, result: number) => Core.Tensor;

/** Ops whose rules compute every result; the other rules compute the first result only. */
const EVERY_RESULT = new Set(['splitBatch']);

/** The padding, which must be equal on all sides, because TensorFlow.js's faster kernels do not support another. */
function padOf({ pad }: ConvAttrs): number {
  const [side] = pad;
  if (pad.some((p) => p !== side)) throw new Error(`padding ${pad} is not the same on all sides`);
  return side;
}

const RULES: Readonly<Record<string, Rule>> = {
  conv2d: (tf, [x, w, bias], { attrs }) => {
    const a = attrs as ConvAttrs;
    const y = tf.conv2d(x as Core.Tensor4D, w as Core.Tensor4D, [...a.stride], padOf(a));
    return bias ? tf.add(y, bias) : y;
  },
  convTranspose2d: (tf, [x, w, bias], { attrs, outputs }) => {
    const a = attrs as ConvAttrs;
    const shape = [...(outputs.y?.shape ?? [])] as [number, number, number, number];
    const y = tf.conv2dTranspose(x as Core.Tensor4D, w as Core.Tensor4D, shape, [...a.stride], padOf(a));
    return bias ? tf.add(y, bias) : y;
  },
  instanceNorm: (tf, args, { attrs }) => {
    const [x, gamma, beta] = args as [Core.Tensor, Core.Tensor, Core.Tensor];
    const { mode, epsilon } = attrs as { mode: Mode; epsilon: number };
    const axes = mode === 'channel' ? [1, 2] : [1, 2, 3];
    const centred = tf.sub(x, tf.mean(x, axes, true));
    const variance = tf.mean(tf.square(centred), axes, true);
    const deviation = mode === 'channel' ? tf.sqrt(tf.add(variance, epsilon)) : tf.add(tf.sqrt(variance), epsilon);
    return tf.add(tf.mul(centred, tf.div(gamma, deviation)), beta);
  },
  concat: (tf, xs) => tf.concat([...xs], -1),
  concatBatch: (tf, xs) => tf.concat([...xs], 0),
  splitBatch: (tf, [x], { attrs }, result) =>
    tf.split(x as Core.Tensor, [...(attrs as { counts: readonly number[] }).counts], 0)[result] as Core.Tensor,
  slice: (tf, [x], { attrs }) => {
    const { start, end } = attrs as SliceAttrs;
    const t = x as Core.Tensor;
    const before = t.shape.slice(0, -1);
    return tf.slice(t, [...before.map(() => 0), start], [...before, end - start]);
  },
  padChannels: (tf, [x], { attrs }) => {
    const { at, channels } = attrs as { at: number; channels: number };
    const t = x as Core.Tensor;
    const after = channels - at - (t.shape[t.shape.length - 1] as number);
    return tf.pad(t, [...t.shape.slice(0, -1).map((): [number, number] => [0, 0]), [at, after]]);
  },
  dropout: (tf, [x], { attrs }) => tf.dropout(x as Core.Tensor, (attrs as DropoutAttrs).rate),
  relu: (tf, [x]) => tf.relu(x as Core.Tensor),
  leakyRelu: (tf, [x], { attrs }) => tf.leakyRelu(x as Core.Tensor, (attrs as { k: number }).k),
  tanh: (tf, [x]) => tf.tanh(x as Core.Tensor),
  detach: (_, [x]) => x as Core.Tensor,
  add: (tf, [a, b]) => tf.add(a as Core.Tensor, b as Core.Tensor),
  l1: (tf, [a, b]) => tf.mean(tf.abs(tf.sub(a as Core.Tensor, b as Core.Tensor))),
  // mean(softplus(x) − label·x)
  bceWithLogits: (tf, [x], { attrs }) => {
    const { label } = attrs as { label: number };
    const terms = tf.softplus(x as Core.Tensor);
    return tf.mean(label === 0 ? terms : tf.sub(terms, tf.mul(x as Core.Tensor, label)));
  },
};

/**
 * Computes a tensor of our graph with TensorFlow.js, eagerly and op by op, so that both libraries compute the same network.
 * `known` holds the values of the leaves and of all tensors computed so far; results are added to it.
 */
export function interpret(tf: typeof Core, wanted: Tensor, known: Map<Tensor, Core.Tensor>): Core.Tensor {
  const found = known.get(wanted);
  if (found) return found;
  const { node } = wanted;
  const index = Object.keys(node.outputs).indexOf(wanted.result);
  const rule = RULES[node.op.name];
  if (!rule || (index !== 0 && !EVERY_RESULT.has(node.op.name)))
    throw new Error(`there is no rule to compute ${node.op.name} (${wanted}) with TensorFlow.js`);
  // The state of the random generator is not an argument of TensorFlow.js's dropout.
  const args = Object.values(node.inputs).slice(0, node.op.name === 'dropout' ? 1 : undefined);
  const values = args.map((t) => interpret(tf, t, known));
  const value = rule(tf, values, node, index);
  known.set(wanted, value);
  return value;
}
