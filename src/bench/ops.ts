import { vectorJacobian } from '../autograd/gradients.js';
import type { Arg, Call, DeviceTraits, Kernels, Variant } from '../autograd/kernel.js';
import { input } from '../autograd/leaves.js';
import type { Op } from '../autograd/op.js';
import { channelsOf, type Node, rowsOf, type Tensor } from '../autograd/tensor.js';
import { isRepeated } from '../compiler/kernel-call.js';
import { kernelsOf, loadKernels, type Where } from '../compiler/load.js';
import { nodesOf } from '../compiler/lower.js';
import type { Engine } from '../gpu/engine.js';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import type { Case, Room } from '../kernels/room.js';
import { caseLeaves } from './check-case.js';

/** A case whose graph applies an op, in the forward pass or in the gradient of another op. */
export interface OpUse {
  readonly room: Room;
  readonly c: Case;
  readonly forward: boolean;
}

/** An op and the cases that apply it; those of its own room come first. */
export interface KnownOp {
  readonly op: Op;
  readonly uses: readonly OpUse[];
}

/** The nodes of a case: its forward pass, and the gradients of every input that has one. */
export function caseNodes(room: Room, c: Case): { forward: Node[]; all: Node[] } {
  const leaves = caseLeaves(c, { name: 'plain', margin: 0, gap: 0 });
  const results = Object.values(room.build(leaves, c.attrs));
  const forward = nodesOf(results);
  if (!room.backward) return { forward, all: forward };
  const ys = results.filter((y) => y.dtype === 'f32');
  const gys = ys.map((y, i) => input(`gy${i}`, y.shape));
  const gradients = Object.values(leaves).flatMap((x) => {
    if (x.dtype !== 'f32') return [];
    try {
      return vectorJacobian(ys, gys, [x]);
    } catch (error) {
      // This input has no gradient (joints, transforms).
      if (error instanceof PoseGanError) return [];
      throw error;
    }
  });
  return { forward, all: nodesOf([...results, ...gradients]) };
}

const indices = new WeakMap<readonly Room[], ReadonlyMap<string, KnownOp>>();

/**
 * Every op with kernels that a case of these rooms applies, by name. Leaves and views have no kernels, and Adam has no room.
 */
export function knownOps(rooms: readonly Room[]): ReadonlyMap<string, KnownOp> {
  const known = indices.get(rooms);
  if (known) return known;
  const found = new Map<string, { op: Op; uses: OpUse[] }>();
  for (const room of rooms) {
    for (const c of room.cases) {
      const { forward, all } = caseNodes(room, c);
      const inForward = new Set(forward.map((n) => n.op.name));
      for (const op of new Set(all.map((n) => n.op))) {
        if (!op.kernels) continue;
        const entry = found.get(op.name) ?? { op, uses: [] };
        entry.uses.push({ room, c, forward: inForward.has(op.name) });
        found.set(op.name, entry);
      }
    }
  }
  const near = (name: string, u: OpUse) => (u.room.name === name ? 2 : Number(u.forward));
  for (const [name, { uses }] of found) uses.sort((a, b) => near(name, b) - near(name, a));
  indices.set(rooms, found);
  return found;
}

/** The op of this name. Throws `UsageError` that lists the ops if there is none. */
export function knownOp(rooms: readonly Room[], name: string): KnownOp {
  const all = knownOps(rooms);
  const found = all.get(name);
  if (!found) throw new UsageError(`there is no op ${name}; choose one of ${[...all.keys()].sort().join(', ')}`);
  return found;
}

/** What kernels know of the device when they are launched. */
export function traitsOf({ device, software, subgroupSize }: Engine): DeviceTraits {
  return { limits: device.limits, features: device.features as ReadonlySet<string>, software, subgroupSize };
}

function argOf(t: Tensor): Arg {
  const channels = channelsOf(t.shape);
  return { shape: t.shape, dtype: t.dtype, offset: 0, stride: channels, rows: rowsOf(t.shape), channels };
}

/** The call of a node whose tensors are all contiguous. */
export function plainCall(node: Node, device: DeviceTraits): Call {
  const arg: Record<string, Arg> = {};
  for (const [name, t] of Object.entries({ ...node.inputs, ...node.outputs })) {
    const repeated = isRepeated({ op: node.op, outputs: node.outputs, epilogue: [] }, name, t);
    arg[name] = repeated ? { ...argOf(t), stride: 0 } : argOf(t);
  }
  return { attrs: node.attrs, arg, device };
}

/** Loads the kernels of every op that the rooms apply, for GPUs and for adapters that run on the CPU. */
export async function loadRooms(rooms: readonly Room[]): Promise<void> {
  const ops = [...knownOps(rooms).values()].map(({ op }) => op);
  await Promise.all(KINDS.map((where) => loadKernels(ops, where)));
}

const KINDS: readonly Where[] = [{ software: false }, { software: true }];

/**
 * The variants of an op on a kind of device; by default those of both kinds, each name once. Await `loadRooms` before the
 * first call.
 */
export function variantsOf(op: Op, where?: Where): readonly Variant[] {
  if (!op.kernels) return [];
  const all = (where ? [where] : KINDS).flatMap((kind) => kernelsOf(op, kind).variants);
  return all.filter((v, i) => all.findIndex((other) => other.name === v.name) === i);
}

/** The kernel that other kernels are compared with: the plainest one, which runs every call. */
export function reference(op: Op): Variant {
  return kernelsOf(op, { software: false }).reference;
}

/** The variants that the benchmark times by default: the rule's choice, the candidates for tuning, and the reference. */
export function worthTiming(
  { candidates, choose, variants, reference: plain }: Kernels,
  call: Call,
): readonly Variant[] {
  const { variant: rule } = choose(call);
  const others = candidates?.(call) ?? variants;
  return variants.filter((v) => v === rule || v === plain || others.includes(v));
}
