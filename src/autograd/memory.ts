import type { Root } from './placement.js';

/** Device memory of a plan, in bytes. */
export interface MemoryReport {
  /** All that is allocated while the plan runs. */
  readonly peak: number;
  readonly weights: number;
  readonly gradients: number;
  /** Pooled intermediates, scratch included. */
  readonly activations: number;
  /** What the pool could not be smaller than: the largest set of intermediates alive at once. */
  readonly largestLiveSet: number;
  readonly inputs: number;
  /** Textures that some kernels read their arguments from. */
  readonly textures: number;
  /** Every parameter set the plan touches, optimiser state included. */
  readonly parameterSets: readonly { readonly name: string; readonly bytes: number }[];
}

/** One pooled buffer and the roots that take turns in it. */
export interface PoolBuffer {
  elements: number;
  readonly roots: Root[];
}

const overlap = (a: Root, b: Root) => a.first <= b.last && b.first <= a.last;

/**
 * Gives every pooled root a buffer, largest root first, sharing a buffer between roots whose lifetimes do not overlap
 * ("greedy by size", Pisarchyk & Lee 2020, arXiv 2001.03288, algorithm 2).
 */
export function assignPool(roots: readonly Root[]): PoolBuffer[] {
  const pool: PoolBuffer[] = [];
  for (const root of [...roots].sort((a, b) => b.elements - a.elements || a.first - b.first)) {
    const free = pool.filter((b) => b.roots.every((r) => !overlap(r, root)));
    const best = free.reduce<PoolBuffer | undefined>((x, y) => (!x || y.elements < x.elements ? y : x), undefined);
    if (best) best.roots.push(root);
    else pool.push({ elements: root.elements, roots: [root] });
  }
  return pool;
}

/** The least memory any assignment could reach: the largest sum of roots that are alive in one step. */
export function largestLiveSet(roots: readonly Root[], steps: number): number {
  const change = new Float64Array(steps + 2);
  for (const r of roots) {
    change[r.first] = (change[r.first] as number) + r.elements;
    const end = Math.min(r.last, steps) + 1;
    change[end] = (change[end] as number) - r.elements;
  }
  let live = 0;
  let most = 0;
  for (const c of change) {
    live += c;
    most = Math.max(most, live);
  }
  return most;
}
