import { checked } from '../gpu/arguments.js';
import { ShapeError } from '../gpu/errors.js';
import { add } from '../kernels/elementwise/elementwise.js';
import { constant } from './leaves.js';
import { expectShape, type Node, TENSOR, TENSORS, type Tensor } from './tensor.js';

/**
 * Reverse-mode differentiation by building more graph: the gradient of the scalar `y` with respect to each of `xs`. Nodes are
 * visited in reverse order of creation; a value used k times gets the sum of k gradients.
 */
export function gradients(...args: [y: Tensor, xs: readonly Tensor[]]): Tensor[] {
  const [y, xs] = checked('gradients', { y: TENSOR, xs: TENSORS }, args);
  if (y.size !== 1) throw new ShapeError('gradients', `the differentiated value must be a scalar, got ${y}`);
  return vectorJacobian([y], [constant([1], y.shape, 'one')], xs);
}

/** Gradient of Σᵢ ⟨ysᵢ, gysᵢ⟩ with respect to each of `xs`. */
export function vectorJacobian(
  ...args: [ys: readonly Tensor[], gys: readonly Tensor[], xs: readonly Tensor[]]
): Tensor[] {
  const op = 'vectorJacobian';
  const [ys, gys, xs] = checked(op, { ys: TENSORS, gys: TENSORS, xs: TENSORS }, args);
  if (ys.length !== gys.length) throw new ShapeError(op, `${ys.length} ys need as many gys, got ${gys.length}`);
  const nodes = dependents(ys, xs);
  const sums = new Map<Tensor, Tensor>();
  const accumulate = (t: Tensor, g: Tensor) => {
    const sum = sums.get(t);
    sums.set(t, sum ? add(sum, g) : g);
  };
  for (const [i, y] of ys.entries()) {
    const gy = gys[i] as Tensor;
    expectShape(op, `gys.${i}`, gy, y.shape, `the shape of ${y}`);
    accumulate(y, gy);
  }
  for (const node of [...nodes].sort((a, b) => b.id - a.id)) {
    const gs = node.outputs.map((o) => sums.get(o));
    if (gs.every((g) => g === undefined)) continue;
    const needs = node.inputs.map((x) => x !== undefined && (xs.includes(x) || nodes.has(x.node)));
    if (!needs.includes(true)) continue;
    if (!node.op.gradient)
      throw new ShapeError(node.op.name, 'this op has no gradient, but one of its arguments needs one');
    const gx = node.op.gradient(node, gs, needs);
    for (const [i, x] of node.inputs.entries()) {
      const g = gx[i];
      if (x && g && needs[i]) accumulate(x, g);
    }
  }
  return xs.map((x) => {
    const g = sums.get(x);
    if (!g) throw new ShapeError('gradients', `${x} does not take part in ${ys.join(', ')}`);
    return g;
  });
}

/** Nodes on a path from `xs` to `ys`. */
function dependents(ys: readonly Tensor[], xs: readonly Tensor[]): Set<Node> {
  const wanted = new Set(xs);
  const reaches = new Map<Node, boolean>();
  const stack = ys.map((y) => y.node);
  while (stack.length) {
    const node = stack[stack.length - 1] as Node;
    if (reaches.has(node)) {
      stack.pop();
      continue;
    }
    const inputs = node.inputs.filter((x): x is Tensor => x !== undefined);
    const open = inputs.filter((x) => !reaches.has(x.node));
    if (open.length) stack.push(...open.map((x) => x.node));
    else {
      reaches.set(node, node.op.kind !== 'leaf' && inputs.some((x) => wanted.has(x) || reaches.get(x.node) === true));
      stack.pop();
    }
  }
  return new Set([...reaches].filter(([, on]) => on).map(([n]) => n));
}
