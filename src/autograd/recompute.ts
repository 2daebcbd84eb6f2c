import { isPooled, type Placements } from './placement.js';
import type { Step } from './step.js';
import type { Node, Tensor } from './tensor.js';

/** Whether nothing overwrites the tensor's storage between its last use and the end of the run. */
export function staysIntact(places: Placements, t: Tensor): boolean {
  const { root } = places.of(t);
  return !isPooled(root) || root.last === Number.POSITIVE_INFINITY;
}

/** The steps that `t` depends on, in order, each with all that it reads from textures. */
export function stepsTo(steps: readonly Step[], places: Placements, t: Tensor): Step[] {
  const needed = new Set<Node>();
  const stack = [places.maker(t).node];
  while (stack.length) {
    const node = stack.pop() as Node;
    if (needed.has(node)) continue;
    needed.add(node);
    for (const x of node.inputs) if (x) stack.push(places.maker(x).node);
  }
  const makes = (x: Tensor | undefined) => x !== undefined && needed.has(places.maker(x).node);
  // A copy the compiler inserted is a node of its own, wanted when its source is. Nothing may run after the last write to
  // the storage of `t`, which others take over from there.
  const wanted = (s: Step) => needed.has(s.node) || (s.op.name === 'copy' && makes(s.node.inputs[0]));
  const { root } = places.of(t);
  const found = steps.filter((s) => s.op.kind !== 'update' && wanted(s));
  const last = found.findLastIndex((s) => s.bindings.some((b) => b.writes && b.root === root));
  return found.slice(0, last + 1).map((s) => ({ ...s, uploads: s.textures }));
}
