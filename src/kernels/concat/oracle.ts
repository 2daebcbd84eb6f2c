import { type Nd, nd } from '../oracle.js';

/**
 * A line of a small program over named arrays: `to = op(of…)`. Chains of views are checked as such programs, for it is how they
 * share storage that can go wrong, not what each of them computes.
 */
export interface Line {
  readonly to: string;
  readonly op: 'concat' | 'slice' | 'concatBatch' | 'splitBatch' | 'relu' | 'add' | 'scale' | 'detach';
  readonly of: readonly string[];
  /** Channels of a slice; of a split into two, the batch of its first part and which part it is. */
  readonly range?: readonly [start: number, end: number];
  /** Factor of a scale. */
  readonly k?: number;
}

const channelsOf = (x: Nd) => x.shape[x.shape.length - 1] as number;
const rowsOf = (x: Nd) => x.data.length / channelsOf(x);

function concat(xs: readonly Nd[]): Nd {
  const first = xs[0] as Nd;
  const channels = xs.reduce((n, x) => n + channelsOf(x), 0);
  const y = nd([...first.shape.slice(0, -1), channels]);
  for (let r = 0; r < rowsOf(first); r++) {
    let at = r * channels;
    for (const x of xs) for (let c = 0; c < channelsOf(x); c++) y.data[at++] = x.data[r * channelsOf(x) + c] as number;
  }
  return y;
}

function slice(x: Nd, start: number, end: number): Nd {
  const width = end - start;
  return nd(
    [...x.shape.slice(0, -1), width],
    (i) => x.data[Math.floor(i / width) * channelsOf(x) + start + (i % width)] as number,
  );
}

function concatBatch(xs: readonly Nd[]): Nd {
  const first = xs[0] as Nd;
  const values = xs.flatMap((x) => [...x.data]);
  const batch = xs.reduce((n, x) => n + (x.shape[0] as number), 0);
  return nd([batch, ...first.shape.slice(1)], (i) => values[i] as number);
}

/** Elements of x before the part of a split. */
function before(x: Nd, [first, part]: readonly [start: number, end: number]): number {
  return part ? (first * x.data.length) / (x.shape[0] as number) : 0;
}

function splitBatch(x: Nd, range: readonly [start: number, end: number]): Nd {
  const batch = range[1] ? (x.shape[0] as number) - range[0] : range[0];
  return nd([batch, ...x.shape.slice(1)], (i) => x.data[before(x, range) + i] as number);
}

/** Every named array of the program. */
export function run(inputs: Readonly<Record<string, Nd>>, lines: readonly Line[]): Map<string, Nd> {
  const values = new Map(Object.entries(inputs));
  for (const { to, op, of, range = [0, 0] as const, k = 1 } of lines) {
    const [a, b] = of.map((name) => values.get(name) as Nd) as [Nd, Nd];
    const map = (f: (v: number, i: number) => number) => nd(a.shape, (i) => f(a.data[i] as number, i));
    const result = {
      concat: () => concat(of.map((name) => values.get(name) as Nd)),
      slice: () => slice(a, range[0], range[1]),
      concatBatch: () => concatBatch(of.map((name) => values.get(name) as Nd)),
      splitBatch: () => splitBatch(a, range),
      relu: () => map((v) => Math.max(v, 0)),
      add: () => map((v, i) => v + (b.data[i] as number)),
      scale: () => map((v) => k * v),
      detach: () => a,
    }[op]();
    values.set(to, result);
  }
  return values;
}

/** Gradients of Σ ⟨result, gy⟩ for the inputs, by walking the program backwards and adding up. */
export function gradients(
  inputs: Readonly<Record<string, Nd>>,
  lines: readonly Line[],
  gys: Readonly<Record<string, Nd>>,
): Record<string, Nd> {
  const values = run(inputs, lines);
  const sums = new Map([...values].map(([name, x]) => [name, nd(x.shape)]));
  const add = (name: string, i: number, g: number) => {
    const { data } = sums.get(name) as Nd;
    data[i] = (data[i] as number) + g;
  };
  for (const [name, gy] of Object.entries(gys)) for (const [i, g] of gy.data.entries()) add(name, i, g);
  for (const { to, op, of, range = [0, 0] as const, k = 1 } of [...lines].reverse()) {
    const gy = sums.get(to) as Nd;
    const channels = channelsOf(gy);
    let at = 0;
    let begin = 0;
    for (const name of of) {
      const x = values.get(name) as Nd;
      const width = channelsOf(x);
      for (const [i, g] of gy.data.entries()) {
        const [r, c] = [Math.floor(i / channels), i % channels];
        if (op === 'concat' && c >= at && c < at + width) add(name, r * width + c - at, g);
        if (op === 'concatBatch' && i >= begin && i < begin + x.data.length) add(name, i - begin, g);
        if (op === 'splitBatch') add(name, before(x, range) + i, g);
        if (op === 'slice') add(name, r * width + range[0] + c, g);
        if (op === 'relu' && (x.data[i] as number) > 0) add(name, i, g);
        if (op === 'add') add(name, i, g);
        if (op === 'scale') add(name, i, k * g);
      }
      at += width;
      begin += x.data.length;
    }
  }
  return Object.fromEntries(Object.keys(inputs).map((name) => [name, sums.get(name) as Nd]));
}
