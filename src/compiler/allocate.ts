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

/** First and last position in the list of calls at which something touches an allocation. */
export interface Lifetime {
  readonly allocation: Allocation;
  readonly first: number;
  readonly last: number;
}

/**
 * Gives every allocation its buffer. Values and temporaries whose lifetimes do not overlap take turns in one; everything else, and
 * what is kept for reading, has a buffer of its own.
 */
export function allocate(calls: readonly PlacedCall[], target: Target): readonly PlacedCall[] {
  const lifetimes = lifetimesOf(calls);
  // Checks look at what every tensor's surroundings hold in the end.
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

/** The lifetimes of all that may share buffers: values in the order in which they are first touched, then scratch. */
export function lifetimesOf(calls: readonly PlacedCall[]): readonly Lifetime[] {
  const found = new Map<Allocation, Lifetime>();
  const scratch = new Set<Allocation>();
  for (const [i, { op, inputs, outputs, buffers }] of calls.entries())
    for (const [name, { allocation }] of Object.entries(buffers)) {
      if (!isPooled(allocation)) continue;
      if (!(name in inputs) && !(name in outputs)) scratch.add(allocation);
      // What is kept has its storage to itself from the start, since the next run begins while it is still to be read.
      const [first, last] = op.kind === 'keep' ? [0, Number.POSITIVE_INFINITY] : [i, i];
      const known = found.get(allocation) ?? { first, last };
      found.set(allocation, { allocation, first: Math.min(known.first, first), last: Math.max(known.last, last) });
    }
  const all = [...found.values()];
  return [...all.filter((l) => !scratch.has(l.allocation)), ...all.filter((l) => scratch.has(l.allocation))];
}

const overlap = (a: Lifetime, b: Lifetime) => a.first <= b.last && b.first <= a.last;

/**
 * Groups allocations that can share a buffer: the largest first, each into the smallest group none of whose lifetimes overlaps its own
 * ("greedy by size", Pisarchyk & Lee 2020, arXiv 2001.03288, algorithm 2).
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

/** The least number of elements that any sharing could reach: the largest sum of allocations that are alive at once. */
export function largestLiveSet(lifetimes: readonly Lifetime[], calls: number): number {
  return Math.max(0, ...liveElements(lifetimes, calls));
}

/** Elements that are alive at each position in the list of calls. */
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

/** Allocations that some kernel reads from a texture, into which whole rows are copied. */
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
