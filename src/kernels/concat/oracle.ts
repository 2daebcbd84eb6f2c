import { add, at, channelsOf, type Nd, nd } from '../oracle.js';

/** The ops that a line of a program may use. */
export const OPS = ['concat', 'slice', 'concatBatch', 'splitBatch', 'relu', 'add', 'scale', 'detach'] as const;

/**
 * A line `to = op(of…)` of a small program over named arrays. Views are checked in such programs, because errors arise
 * from how several views share storage, not from what one computes.
 */
export interface Line {
  readonly to: string;
  readonly op: (typeof OPS)[number];
  readonly of: readonly string[];
  /** For a slice, its channels. For a split into two, the batch of the first part and the index of the part. */
  readonly range: readonly [start: number, end: number];
  /** Factor of a scale. */
  readonly k: number;
}

/** Returns the value of that name, which an earlier line has made. */
export function named<T>(values: ReadonlyMap<string, T>, name: string): T {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the program has no value ${name}`);
  return value;
}

const rowsOf = (x: Nd) => x.data.length / channelsOf(x);
const batchOf = ({ shape: [batch = 0] }: Nd) => batch;

function concat(first: Nd, ...rest: readonly Nd[]): Nd {
  const xs = [first, ...rest];
  const channels = xs.reduce((n, x) => n + channelsOf(x), 0);
  const y = nd([...first.shape.slice(0, -1), channels]);
  for (let r = 0; r < rowsOf(first); r++) {
    let to = r * channels;
    for (const x of xs) for (let c = 0; c < channelsOf(x); c++) y.data[to++] = at(x, r * channelsOf(x) + c);
  }
  return y;
}

function slice(x: Nd, start: number, end: number): Nd {
  const width = end - start;
  return nd([...x.shape.slice(0, -1), width], (i) =>
    at(x, Math.floor(i / width) * channelsOf(x) + start + (i % width)),
  );
}

function concatBatch(first: Nd, ...rest: readonly Nd[]): Nd {
  const xs = [first, ...rest];
  const batch = xs.reduce((n, x) => n + batchOf(x), 0);
  const y = nd([batch, ...first.shape.slice(1)]);
  let to = 0;
  for (const x of xs) {
    y.data.set(x.data, to);
    to += x.data.length;
  }
  return y;
}

/** Returns how many elements of x come before the part of a split. */
function before(x: Nd, [first, part]: Line['range']): number {
  return part ? (first * x.data.length) / batchOf(x) : 0;
}

function splitBatch(x: Nd, range: Line['range']): Nd {
  const batch = range[1] ? batchOf(x) - range[0] : range[0];
  return nd([batch, ...x.shape.slice(1)], (i) => at(x, before(x, range) + i));
}

/** Runs the program and returns all its named arrays. */
export function run(inputs: Readonly<Record<string, Nd>>, lines: readonly Line[]): Map<string, Nd> {
  const values = new Map(Object.entries(inputs));
  for (const { to, op, of, range, k } of lines) {
    const [first = '', ...rest] = of;
    const a = named(values, first);
    const others = rest.map((name) => named(values, name));
    const map = (f: (v: number, i: number) => number) => nd(a.shape, (i) => f(at(a, i), i));
    const result = {
      concat: () => concat(a, ...others),
      slice: () => slice(a, range[0], range[1]),
      concatBatch: () => concatBatch(a, ...others),
      splitBatch: () => splitBatch(a, range),
      relu: () => map((v) => Math.max(v, 0)),
      add: () => others.reduce((sum, b) => nd(sum.shape, (i) => at(sum, i) + at(b, i)), a),
      scale: () => map((v) => k * v),
      detach: () => a,
    }[op]();
    values.set(to, result);
  }
  return values;
}

/** Returns the gradients of Σ ⟨result, gy⟩ for the inputs. It walks the program backwards and adds them up. */
export function gradients(
  inputs: Readonly<Record<string, Nd>>,
  lines: readonly Line[],
  gys: Readonly<Record<string, Nd>>,
): Record<string, Nd> {
  const values = run(inputs, lines);
  const sums = new Map([...values].map(([name, x]) => [name, nd(x.shape)]));
  for (const [name, gy] of Object.entries(gys)) for (const [i, g] of gy.data.entries()) add(named(sums, name), i, g);
  for (const { to, op, of, range, k } of [...lines].reverse()) {
    const gy = named(sums, to);
    const channels = channelsOf(gy);
    let channel = 0;
    let begin = 0;
    for (const name of of) {
      const x = named(values, name);
      const width = channelsOf(x);
      for (const [i, g] of gy.data.entries()) {
        const [r, c] = [Math.floor(i / channels), i % channels];
        if (op === 'concat' && c >= channel && c < channel + width) add(named(sums, name), r * width + c - channel, g);
        if (op === 'concatBatch' && i >= begin && i < begin + x.data.length) add(named(sums, name), i - begin, g);
        if (op === 'splitBatch') add(named(sums, name), before(x, range) + i, g);
        if (op === 'slice') add(named(sums, name), r * width + range[0] + c, g);
        if (op === 'relu' && at(x, i) > 0) add(named(sums, name), i, g);
        if (op === 'add') add(named(sums, name), i, g);
        if (op === 'scale') add(named(sums, name), i, k * g);
      }
      channel += width;
      begin += x.data.length;
    }
  }
  return Object.fromEntries(Object.keys(inputs).map((name) => [name, named(sums, name)]));
}
