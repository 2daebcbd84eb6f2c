import { accumulateOp } from '../autograd/gradients.js';
import type { Op } from '../autograd/op.js';
import { Node, type Tensor } from '../autograd/tensor.js';
import { UsageError } from '../gpu/errors.js';
import { binaryOps } from '../kernels/elementwise/ops.js';
import { present } from '../present.js';
import type { KernelCall, Values } from './kernel-call.js';

/** What a plan must compute. */
export interface Wanted {
  /** The results by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Parameter updates to run as well. */
  readonly update?: readonly Node[];
  /** Intermediates to keep for `plan.read`, or `'all'`. */
  readonly retain?: 'all' | readonly Tensor[];
}

/**
 * The last call of every plan. It reads the values that must still exist when the plan has run: outputs and retained
 * values. No kernel runs for it.
 */
const keepOp: Op = { name: 'keep', kind: 'keep', args: {}, results: {}, infer: () => ({}) };

/**
 * Turns the graph into calls, in the order in which its nodes were made: every node that the wanted values need, then
 * the call that keeps those values.
 */
export function lower(wanted: Wanted): KernelCall[] {
  const nodes = nodesOf([...Object.values(wanted.outputs), ...(wanted.update ?? [])]);
  return [...nodes.map(callOf), keepCall(wanted, nodes)];
}

const accumulate: Op = accumulateOp;
const add: Op = binaryOps.add.tensors;

/**
 * Turns a node into a call. The graph knows only the rule of `accumulate`, the sum of two gradients; the elementwise op
 * runs it.
 */
function callOf(node: Node): KernelCall {
  const { op, attrs, inputs, outputs } = node;
  if (op === accumulate) return { op: add, node, attrs: { k: 0 }, inputs, outputs, epilogue: [] };
  return { op, node, attrs, inputs, outputs, epilogue: [] };
}

function keepCall({ outputs, retain = [] }: Wanted, nodes: readonly Node[]): KernelCall {
  const made = new Set(nodes.flatMap((n) => Object.values(n.outputs)));
  const stranger = retain !== 'all' && retain.find((t) => !made.has(t));
  if (stranger)
    throw new UsageError(
      `compile: ${stranger} cannot be retained, because no output of this plan needs it. Make it an output instead.`,
    );
  const retained = retain === 'all' ? [...made].filter((t) => !t.node.op.kind) : retain;
  const inputs: Values = { ...outputs, ...Object.fromEntries(retained.map((t, i) => [`retained ${i}`, t])) };
  return { op: keepOp, attrs: null, inputs, outputs: {}, epilogue: [] };
}

/** Returns every node that these values and nodes need, in the order in which the nodes were made. */
export function nodesOf(from: readonly (Tensor | Node)[]): Node[] {
  const found = new Set<Node>();
  const stack = from.map((x) => (x instanceof Node ? x : x.node));
  while (stack.length) {
    const node = present(stack.pop());
    if (found.has(node)) continue;
    found.add(node);
    for (const x of Object.values(node.inputs)) stack.push(x.node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}
