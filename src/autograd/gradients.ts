import { checked, shown } from '../gpu/arguments.js';
import { ShapeError } from '../gpu/errors.js';
import { present } from '../present.js';
import { constant } from './leaves.js';
import { apply, defineOp, strided } from './op.js';
import { expectShape, type Node, TENSOR, TENSORS, Tensor } from './tensor.js';

/** y = a + b, the sum of the gradients that a value receives from two of its uses. The compiler runs it as the elementwise op `add`. */
export const accumulateOp = defineOp({
  name: 'accumulate',
  args: { a: strided, b: strided },
  results: { y: strided },
  infer: ({ a }, _: null) => ({ y: a }),
  gradient: (_, { y: gy }) => ({ a: gy, b: gy }),
});

/**
 * Reverse-mode differentiation by building more graph: the gradient of the scalar `y` with respect to each of `xs`. Nodes are
 * visited in reverse order of creation; a value used k times gets the sum of k gradients.
 */
export function gradients(...args: [y: Tensor, xs: readonly Tensor[]]): Tensor[] {
  const [y, xs] = checked('gradients', { y: TENSOR, xs: TENSORS }, args);
  return expectAll([y], xs, reachedGradients(y, xs));
}

/** `gradients`, undefined for every x that y does not depend on. */
export function reachedGradients(y: Tensor, xs: readonly Tensor[]): (Tensor | undefined)[] {
  if (y.size !== 1) throw new ShapeError('gradients', `the differentiated value must be a scalar, got ${y}`);
  return backward([y], [constant([1], y.shape, 'one')], xs);
}

/** The gradient of Σᵢ ⟨ysᵢ, gysᵢ⟩ with respect to each of `xs`. */
export function vectorJacobian(
  ...args: [ys: readonly Tensor[], gys: readonly Tensor[], xs: readonly Tensor[]]
): Tensor[] {
  const op = 'vectorJacobian';
  const [ys, gys, xs] = checked(op, { ys: TENSORS, gys: TENSORS, xs: TENSORS }, args);
  if (ys.length !== gys.length) throw new ShapeError(op, `${ys.length} ys need as many gys, got ${gys.length}`);
  for (const [i, y] of ys.entries()) expectShape(op, `gys.${i}`, present(gys[i]), y.shape, `the shape of ${y}`);
  return expectAll(ys, xs, backward(ys, gys, xs));
}

function backward(ys: readonly Tensor[], gys: readonly Tensor[], xs: readonly Tensor[]): (Tensor | undefined)[] {
  const nodes = dependents(ys, xs);
  const sums = new Map<Tensor, Tensor>();
  const accumulate = (t: Tensor, g: Tensor) => {
    const sum = sums.get(t);
    sums.set(t, sum ? apply(accumulateOp, { a: sum, b: g }, null, 'add').y : g);
  };
  for (const [i, y] of ys.entries()) accumulate(y, present(gys[i]));
  for (const node of [...nodes].sort((a, b) => b.id - a.id)) {
    const { op, inputs, outputs, attrs } = node;
    const gs = mapValues(outputs, (y) => sums.get(y));
    if (Object.values(gs).every((g) => g === undefined)) continue;
    const needs = mapValues(inputs, (x) => xs.includes(x) || nodes.has(x.node));
    if (!Object.values(needs).includes(true)) continue;
    if (!op.gradient) throw new ShapeError(op.name, 'this op has no gradient, but one of its arguments needs one');
    const gx = op.gradient(inputs, gs, { attrs, outputs, needs });
    expectNames(node, gx);
    for (const [name, x] of Object.entries(inputs)) {
      const g = gx[name];
      if (!g || !needs[name]) continue;
      expectGradient(op.name, `the gradient of ${name}`, g, x);
      accumulate(x, g);
    }
  }
  return xs.map((x) => sums.get(x));
}

/** Throws a `ShapeError` unless a gradient rule returned an object with names of the op's arguments. */
function expectNames({ op }: Node, gx: unknown): void {
  const known = Object.keys(op.args);
  const wrong = typeof gx === 'object' && gx ? Object.keys(gx).find((name) => !known.includes(name)) : shown(gx);
  if (wrong !== undefined)
    throw new ShapeError(op.name, `its gradient must be an object of gradients for ${known.join(', ')}, got ${wrong}`);
}

/** Throws a `ShapeError` unless `g` can be the gradient of `x`. */
export function expectGradient(op: string, what: string, g: unknown, x: Tensor): void {
  if (!(g instanceof Tensor) || g.dtype !== 'f32')
    throw new ShapeError(
      op,
      `${what} must be an f32 Tensor, got ${g instanceof Tensor ? `${g} of ${g.dtype}` : shown(g)}`,
    );
  expectShape(op, what, g, x.shape, `the shape of ${x}`);
}

function expectAll(ys: readonly Tensor[], xs: readonly Tensor[], found: readonly (Tensor | undefined)[]): Tensor[] {
  return found.map((g, i) => {
    if (!g) throw new ShapeError('gradients', `${xs[i]} does not take part in ${ys.join(', ')}`);
    return g;
  });
}

function mapValues<T, U>(of: Readonly<Record<string, T>>, f: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, f(value)]));
}

/** The nodes on the paths from `xs` to `ys`. */
function dependents(ys: readonly Tensor[], xs: readonly Tensor[]): Set<Node> {
  const wanted = new Set(xs);
  const reaches = new Map<Node, boolean>();
  const stack = ys.map((y) => y.node);
  while (stack.length) {
    const node = present(stack[stack.length - 1]);
    if (reaches.has(node)) {
      stack.pop();
      continue;
    }
    const inputs = Object.values(node.inputs);
    const open = inputs.filter((x) => !reaches.has(x.node));
    if (open.length) stack.push(...open.map((x) => x.node));
    else {
      reaches.set(node, node.op.kind !== 'leaf' && inputs.some((x) => wanted.has(x) || reaches.get(x.node) === true));
      stack.pop();
    }
  }
  return new Set([...reaches].filter(([, on]) => on).map(([n]) => n));
}
