import type { Block } from './disassembly.js';

/** A natural loop: the blocks that run again and again from its header. */
export interface Loop {
  /** The index of the block at which every run of the body begins. */
  readonly header: number;
  /** The indices of its blocks, those of the loops in it included, in the order of the code. */
  readonly blocks: readonly number[];
  /** Those of its blocks that are in no loop within it. */
  readonly own: readonly number[];
  /** 1 for a loop that is in no other. */
  readonly depth: number;
}

/** For every block, the set of blocks through which every way from the first block to it goes, itself included. */
function dominators(blocks: readonly Block[]): Set<number>[] {
  const before = predecessors(blocks);
  const all = blocks.map((_, i) => i);
  const found = all.map((i) => new Set(i === 0 ? [0] : all));
  for (let changed = true; changed; ) {
    changed = false;
    for (const i of all.slice(1)) {
      const [first, ...others] = before[i] ?? [];
      const common = first === undefined ? [] : [...(found[first] ?? [])];
      const now = new Set([i, ...common.filter((d) => others.every((p) => found[p]?.has(d)))]);
      if (now.size === found[i]?.size) continue;
      found[i] = now;
      changed = true;
    }
  }
  return found;
}

function predecessors(blocks: readonly Block[]): number[][] {
  const before: number[][] = blocks.map(() => []);
  for (const [i, { next }] of blocks.entries()) for (const n of next) before[n]?.push(i);
  return before;
}

/**
 * The natural loops of a program. A branch back to a block that every way to the branch has passed closes a loop, whose body
 * is all that can reach the branch without passing that block. Branches back to the same block close the same loop.
 */
export function loopsOf(blocks: readonly Block[]): Loop[] {
  const dominate = dominators(blocks);
  const before = predecessors(blocks);
  const bodies = new Map<number, Set<number>>();
  for (const [from, { next }] of blocks.entries())
    for (const header of next) {
      if (!dominate[from]?.has(header)) continue;
      const body = bodies.get(header) ?? new Set([header]);
      bodies.set(header, body);
      const open = [from];
      for (let i = open.pop(); i !== undefined; i = open.pop()) {
        if (body.has(i)) continue;
        body.add(i);
        open.push(...(before[i] ?? []));
      }
    }
  const sorted = [...bodies].sort(([a], [b]) => a - b);
  return sorted.map(([header, body]) => {
    const others = [...bodies].filter(([h]) => h !== header);
    const within = others.filter(([h]) => body.has(h)).map(([, b]) => b);
    return {
      header,
      blocks: [...body].sort((a, b) => a - b),
      own: [...body].filter((i) => !within.some((b) => b.has(i))).sort((a, b) => a - b),
      depth: 1 + others.filter(([, b]) => b.has(header)).length,
    };
  });
}
