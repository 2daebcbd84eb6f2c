import type { Call } from '../src/autograd/kernel.js';
import { caseNodes, knownOps, plainCall, traitsOf } from '../src/bench/ops.js';
import type { Engine } from '../src/gpu/engine.js';
import { rooms } from '../src/kernels/rooms.js';

/**
 * Returns every call of an op in the cases of the rooms, with the places that its arguments have when nothing is
 * concatenated.
 */
export function* plainCalls(engine: Engine, op: string): Iterable<Call> {
  const known = knownOps(rooms).get(op);
  if (!known) return;
  for (const { room, c } of known.uses)
    for (const node of caseNodes(room, c).all) if (node.op === known.op) yield plainCall(node, traitsOf(engine));
}
