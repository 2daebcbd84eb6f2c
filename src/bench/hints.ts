import { type Nd, nd } from '../kernels/oracle.js';
import { expectedOf, type Layout, nmse, type Prepared, untouched } from './check-case.js';
import { ignored, isSlow, multiples, oracleOf, rounding, unexplained } from './further-hints.js';
import type { Failure } from './user-check.js';
import type { UserKernel } from './user-kernel.js';
import type { Run } from './user-run.js';

/** Whether a case passes in another layout, and offset and stride of the op's arguments and results in that layout. */
export interface Retry {
  readonly passes: boolean;
  readonly places: Readonly<Record<string, string>>;
}

/** A case that ran in a layout. */
export interface Outcome {
  readonly layout: string;
  readonly right: boolean;
  readonly numbers: Readonly<Record<string, number>>;
}

/** Further runs of the case that is explained. */
export interface Again {
  /** Runs it in another layout. */
  retry(layout: Layout): Promise<Retry>;
  /** Runs it on other values. Returns the output that is wrong. */
  probe(changed: Partial<Pick<Prepared, 'inputs' | 'gy'>>): Promise<ArrayLike<number> | undefined>;
}

/** Explanations of a wrong result, each tested on the numbers. */
export async function hints(
  kernel: UserKernel,
  { p, run, failure, outcomes }: { p: Prepared; run: Run; failure: Failure; outcomes: readonly Outcome[] },
  { retry, probe }: Again,
): Promise<string[]> {
  if (failure.kind === 'wrote outside') return outside(run, failure);
  const got = run.runs[failure.run - 1]?.outputs[failure.output] ?? new Float32Array();
  const want = expectedOf(p, failure.output);
  const strided = await misplaced(kernel, p, run.layout, retry);
  if (strided.length) return strided;
  const never = untouched(run.runs.slice(failure.run - 1), failure.output);
  if (never.length) return [strideIgnored(run, failure, never) ?? missing(run, never, want.data.length)];
  const found =
    first(
      () => rounding(p, failure.output, got, kernel),
      () => relations(got, want),
      () => misreadings(p, failure.output, got),
      () => multiples(outcomes.filter((o) => o.layout === failure.layout)),
      () => patterns(got, want, failure),
    ) ?? (await ignored(p, failure, got, probe));
  return found.length ? found : unexplained(kernel, run);
}

/** The first explanations that there are. */
function first(...explain: readonly (() => string[])[]): string[] | undefined {
  for (const f of explain) {
    const found = f();
    if (found.length) return found;
  }
  return undefined;
}

function outside(run: Run, failure: Failure): string[] {
  for (const { call } of run.steps) {
    for (const [name, elements] of Object.entries(call.kernel.launch.scratch ?? {}))
      if (failure.output === `scratch ${name}`)
        return [
          `the scratch ${name} has ${elements} elements, and the kernel writes behind them, at element ${failure.index}. ` +
            `Make it larger (--scratch "${name}=…"), or does every invocation past the end return early?`,
        ];
    for (const name of Object.keys(call.outputs)) {
      const a = call.kernel.call.arg[name];
      if (name !== failure.output || !a) continue;
      const from = failure.index - a.offset;
      const [row, channel] = [Math.floor(from / a.stride), from % a.stride];
      const place =
        from < 0
          ? 'before its first element'
          : row >= a.rows
            ? `after its last row (as row ${row}; there are ${a.rows})`
            : `after the end of row ${row} (as channel ${channel}; there are ${a.channels})`;
      return [`${name} was written ${place}. Does every invocation past the end return early?`];
    }
  }
  return [];
}

/** A hint if the missing elements are those that a kernel misses by writing rows without gaps between them. */
function strideIgnored({ steps }: Run, { output }: Failure, never: readonly number[]): string | undefined {
  for (const { call } of steps) {
    const a = call.kernel.call.arg[output];
    if (!a || a.stride === a.channels) continue;
    const beyond = (i: number) => Math.floor(i / a.channels) * a.stride + (i % a.channels) >= a.rows * a.channels;
    const left = [...Array(a.rows * a.channels).keys()].filter(beyond);
    if (left.length === never.length && left.every((v, i) => v === never[i]))
      return (
        `rows of ${output} begin every ${output}_stride = ${a.stride} elements, not every ${a.channels}; ` +
        'the kernel seems to ignore the stride'
      );
  }
  return undefined;
}

function missing(run: Run, never: readonly number[], total: number): string {
  const first = never[0] as number;
  const groups = run.steps.map((s) => s.workgroups.join('×')).join(', then ');
  const which = never.length === total ? 'nothing was' : `${never.length} of ${total} elements were never`;
  const tail = never.at(-1) === total - 1 && never.length === total - first;
  const advice = tail ? `Are ${groups} workgroups enough?` : 'Does an invocation write every element?';
  return `${which} written${tail && first > 0 ? `, all from element ${first} on` : ''}. ${advice}`;
}

/** The arguments or results whose offset or stride the kernel ignores, found by making each of them strided alone. */
async function misplaced(
  { shaders }: UserKernel,
  p: Prepared,
  { margin, gap }: Layout,
  retry: (layout: Layout) => Promise<Retry>,
): Promise<string[]> {
  if (typeof margin !== 'number' || !margin) return [];
  const leaves = [...Object.keys(p.inputs), ...Object.keys(p.gy).map((n) => `gy_${n}`)];
  const alone: Layout[] = leaves.map((name) => ({ name, margin: (n) => (n === name ? margin : 0), gap: 0 }));
  const fields = shaders.flatMap((s) => s.params.map((f) => f.name));
  const found = new Set<string>();
  const { places: contiguous } = await retry({ name: 'plain', margin: 0, gap: 0 });
  for (const layout of [...alone, { name: 'results', margin: 0, gap }]) {
    const { passes, places } = await retry(layout);
    if (passes) continue;
    for (const name of Object.keys(places).filter((n) => places[n] !== contiguous[n])) {
      const lacking = ['offset', 'stride'].map((f) => `${name}_${f}`).filter((f) => !fields.includes(f));
      found.add(
        `the results are right if ${name} is contiguous, but wrong if it is a channel range of a wider tensor. Its element ` +
          `(row r, channel c) is at ${name}_offset + r · ${name}_stride + c` +
          (lacking.length ? `, but struct Params has no ${lacking.join(' and no ')}` : ''),
      );
    }
  }
  return [...found];
}

/** Simple relations between the actual and the expected values. */
function relations(got: ArrayLike<number>, want: Nd): string[] {
  // An explanation must leave far less of the error than there was: a mean of many roundings explains none of them.
  const limit = Math.min(1e-6, nmse(got, want.data) / 100);
  const close = (f: (i: number) => number) => {
    const other = want.data.map((_, i) => f(i));
    return nmse(got, other) <= limit;
  };
  const at = (i: number) => want.data[i] as number;
  if (want.data.length > 1 && close((i) => -at(i))) return ['every element has the opposite sign'];
  const squares = want.data.reduce((s, v) => s + v * v, 0);
  const factor = want.data.reduce((s, v, i) => s + v * (got[i] as number), 0) / squares;
  if (want.data.length > 1 && Math.abs(factor) > 1e-3 && close((i) => factor * at(i)))
    return [`every element is ${Number(factor.toPrecision(5))} times what it should be`];
  const rank = want.shape.length;
  for (let a = 0; a < rank; a++)
    for (let b = a + 1; b < rank; b++) {
      if (want.shape[a] === 1 || want.shape[b] === 1) continue;
      if (nmse(got, permuted(want, swapped(rank, a, b))) <= 1e-6)
        return [`dimensions ${a} and ${b} of the result are swapped`];
    }
  if (rank === 4 && nmse(got, permuted(want, [0, 3, 1, 2])) <= 1e-6)
    return ['the result is stored as NCHW, but it must be NHWC'];
  return [];
}

/** The dimensions 0, 1, … with two of them swapped. */
function swapped(rank: number, a: number, b: number): number[] {
  return Array.from({ length: rank }, (_, d) => (d === a ? b : d === b ? a : d));
}

/** The elements of x with its dimensions in `order`. */
function permuted(x: Nd, order: readonly number[]): Float64Array {
  const strides = x.shape.map((_, d) => x.shape.slice(d + 1).reduce((p, n) => p * n, 1));
  return Float64Array.from(x.data, (_, i) => {
    let [rest, k] = [i, 0];
    for (const d of [...order].reverse()) {
      const size = x.shape[d] as number;
      k += (rest % size) * (strides[d] as number);
      rest = Math.floor(rest / size);
    }
    return x.data[k] as number;
  });
}

/** Ways to misread an argument: `of` makes the values that the kernel would read. */
const MISREADINGS: readonly { says: (name: string) => string; of: (x: Nd) => Nd | undefined }[] = [
  { says: (n) => `${n} were all zeros. Does the kernel use it?`, of: (x) => nd(x.shape) },
  { says: (n) => `${n} had the opposite sign`, of: (x) => nd(x.shape, (i) => -(x.data[i] as number)) },
  {
    says: (n) => `the last two dimensions of ${n} were swapped`,
    of: (x) => readSwapped(x, x.shape.length - 2, x.shape.length - 1),
  },
  {
    says: (n) => `the first two dimensions of ${n} were swapped`,
    of: (x) => (x.shape.length > 2 ? readSwapped(x, 0, 1) : undefined),
  },
  {
    says: (n) => `the first two dimensions of ${n} ran backwards`,
    of: (x) => {
      const [a = 1, b = 1, ...rest] = x.shape;
      const inner = rest.reduce((p, d) => p * d, 1);
      if (!rest.length) return undefined;
      return nd(x.shape, (i) => x.data[(a * b - 1 - Math.floor(i / inner)) * inner + (i % inner)] as number);
    },
  },
];

/** x read as if two of its dimensions were swapped. */
function readSwapped(x: Nd, a: number, b: number): Nd | undefined {
  const rank = x.shape.length;
  if (rank < 2) return undefined;
  const order = swapped(rank, a, b);
  return { shape: x.shape, data: permuted({ shape: order.map((d) => x.shape[d] as number), data: x.data }, order) };
}

/** A hint if the result is right for a misread argument. */
function misreadings(p: Prepared, output: string, got: ArrayLike<number>): string[] {
  const { c } = p;
  if (isSlow(p, output)) return [];
  const outcome = (inputs: Prepared['inputs'], gy: Prepared['gy']) => oracleOf({ ...p, inputs, gy }, output);
  const sources = [
    ...Object.keys(p.inputs).map((name) => ({ name, gradient: false })),
    ...(output in p.expected ? [] : Object.keys(p.gy).map((name) => ({ name, gradient: true }))),
  ];
  for (const { says, of } of MISREADINGS) {
    for (const { name, gradient } of sources) {
      if (!gradient && c.inputs[name]?.dtype === 'u32') continue;
      const changed = of((gradient ? p.gy : p.inputs)[name] as Nd);
      if (!changed) continue;
      const other = gradient
        ? outcome(p.inputs, { ...p.gy, [name]: changed })
        : outcome({ ...p.inputs, [name]: changed }, p.gy);
      if (other && nmse(got, other.data) <= 1e-6)
        return [`the result is as if ${says(gradient ? `the gradient of ${name}` : name)}`];
    }
  }
  return [];
}

/** Fewest elements inside an image that must be right before the border is blamed; fewer may be right by chance. */
const MIN_INSIDE = 8;

/** Typical patterns in which elements are wrong. */
function patterns(got: ArrayLike<number>, want: Nd, { differing, total }: Failure): string[] {
  const [, H = 1, W = 1] = want.shape;
  const C = want.shape.at(-1) ?? 1;
  const scale = Math.sqrt(want.data.reduce((s, v) => s + v * v, 0) / want.data.length);
  const right = [...want.data.keys()].map(
    (i) => Math.abs((got[i] as number) - (want.data[i] as number)) <= 1e-4 * scale,
  );
  const found: string[] = [];
  if (right.every((r) => !r)) return [];
  const rest = C - (C % 4);
  if (C % 4 && rest && right.every((r, i) => r || i % C >= rest))
    found.push(`only the last ${C % 4} of ${C} channels are wrong; check the channels that remain after groups of 4`);
  if (want.shape.length === 4 && H > 2 && W > 2) {
    const inside = (i: number) => {
      const pixel = Math.floor(i / C);
      const [row, col] = [Math.floor(pixel / W) % H, pixel % W];
      return row > 0 && row < H - 1 && col > 0 && col < W - 1;
    };
    const within = right.filter((_, i) => inside(i)).length;
    if (within >= MIN_INSIDE && right.every((r, i) => r || !inside(i)))
      found.push('only pixels at the border of the image are wrong; check the padding');
  }
  if (!found.length && want.data.some((_, i) => Number.isNaN(got[i])))
    found.push(
      'some elements are NaN, which lies around arguments and in scratch; --sanitize names reads out of bounds',
    );
  const first = right.indexOf(false);
  if (first > 0 && differing === total - first && !found.length)
    found.push(`every element before element ${first} is right, and every element from it on is wrong`);
  return found;
}
