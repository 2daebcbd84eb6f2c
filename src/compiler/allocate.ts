import { wholeRows } from '../gpu/shader.js';
import { present } from '../present.js';
import {
  type Allocation,
  type BufferSpec,
  isLaunched,
  isPooled,
  type PlacedCall,
  type Target,
  type View,
} from './kernel-call.js';

/** The first and the last position in the list of calls at which a call reads or writes an allocation. */
export interface Lifetime {
  readonly allocation: Allocation;
  readonly first: number;
  readonly last: number;
}

/**
 * Gives every allocation its buffer. Values and scratch whose lifetimes do not overlap share one. Everything else, and all that is
 * kept for reading, has a buffer of its own.
 */
export function allocate(calls: readonly PlacedCall[], target: Target): readonly PlacedCall[] {
  const lifetimes = lifetimesOf(calls);
  // Checks inspect the surroundings of every tensor after a run, so then nothing may share a buffer.
  const turns = target.redzone === undefined ? takeTurns(lifetimes) : lifetimes.map((lifetime) => [lifetime]);
  const textured = readAsTextures(calls);
  const buffers = new Map<Allocation, BufferSpec>();
  for (const [i, list] of turns.entries()) {
    const allocations = list.map((lifetime) => lifetime.allocation);
    const most = Math.max(...allocations.map((a) => a.elements));
    const elements = allocations.some((a) => textured.has(a)) ? wholeRows(most) : most;
    const buffer: BufferSpec = { label: `pool#${i}(${allocations[0]?.label})`, kind: 'pool', elements };
    for (const allocation of allocations) buffers.set(allocation, buffer);
  }
  const withBuffer = (view: View): View => ({ ...view, buffer: buffers.get(view.allocation) ?? view.allocation });
  return calls.map((call) => ({
    ...call,
    buffers: Object.fromEntries(Object.entries(call.buffers).map(([name, view]) => [name, withBuffer(view)])),
  }));
}

/** The lifetimes of all allocations that may share buffers: values in the order of their first use, then scratch. */
export function lifetimesOf(calls: readonly PlacedCall[]): readonly Lifetime[] {
  const found = new Map<Allocation, Lifetime>();
  const scratch = new Set<Allocation>();
  for (const [i, { op, inputs, outputs, buffers }] of calls.entries())
    for (const [name, { allocation }] of Object.entries(buffers)) {
      if (!isPooled(allocation)) continue;
      if (!(name in inputs) && !(name in outputs)) scratch.add(allocation);
      // A kept value may be read while the next run begins, so its storage is never shared.
      const [first, last] = op.kind === 'keep' ? [0, Number.POSITIVE_INFINITY] : [i, i];
      const known = found.get(allocation) ?? { first, last };
      found.set(allocation, { allocation, first: Math.min(known.first, first), last: Math.max(known.last, last) });
    }
  const all = [...found.values()];
  return [...all.filter((l) => !scratch.has(l.allocation)), ...all.filter((l) => scratch.has(l.allocation))];
}

const overlap = (a: Lifetime, b: Lifetime) => a.first <= b.last && b.first <= a.last;

/**
 * Groups allocations that can share a buffer. The largest are assigned first, each to the smallest group in which no lifetime overlaps
 * its own ("greedy by size", Pisarchyk & Lee 2020, arXiv 2001.03288, algorithm 2).
 */
function takeTurns(lifetimes: readonly Lifetime[]): readonly (readonly Lifetime[])[] {
  const sizeOf = (l: Lifetime) => l.allocation.elements;
  const groups: Lifetime[][] = [];
  for (const lifetime of [...lifetimes].sort((a, b) => sizeOf(b) - sizeOf(a) || a.first - b.first)) {
    const free = groups.filter((group) => group.every((other) => !overlap(other, lifetime)));
    const size = ([largest]: readonly Lifetime[]) => (largest ? sizeOf(largest) : 0);
    const best = free.reduce<Lifetime[] | undefined>((x, y) => (!x || size(y) < size(x) ? y : x), undefined);
    if (best) best.push(lifetime);
    else groups.push([lifetime]);
  }
  return groups;
}

/** A lower bound of every assignment: the largest sum of elements that are alive at one position. */
export function largestLiveSet(lifetimes: readonly Lifetime[], calls: number): number {
  return Math.max(0, ...liveElements(lifetimes, calls));
}

/** The number of elements that are alive at each position in the list of calls. */
export function liveElements(lifetimes: readonly Lifetime[], calls: number): number[] {
  const change = new Float64Array(calls + 1);
  for (const { allocation, first, last } of lifetimes) {
    change[first] = present(change[first]) + allocation.elements;
    const end = Math.min(last, calls - 1) + 1;
    change[end] = present(change[end]) - allocation.elements;
  }
  let live = 0;
  return Array.from({ length: calls }, (_, i) => {
    live += present(change[i]);
    return live;
  });
}

/** The allocations that some kernel reads from a texture. Only whole rows can be copied there. */
function readAsTextures(calls: readonly PlacedCall[]): ReadonlySet<Allocation> {
  const found = new Set<Allocation>();
  for (const call of calls) {
    if (!isLaunched(call)) continue;
    for (const { shader } of call.kernel.launch.dispatches)
      for (const { name, type } of shader.bindings) {
        const view = call.buffers[name];
        if (view && type === 'texture') found.add(view.allocation);
      }
  }
  return found;
}
