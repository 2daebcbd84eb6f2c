import { type Nd, nd } from '../kernels/oracle.js';
import { expectedOf, nmse, type Prepared } from './check-case.js';
import type { Again, Outcome } from './hints.js';
import type { Failure } from './user-check.js';
import type { UserKernel } from './user-kernel.js';
import type { Run } from './user-run.js';

/** Milliseconds that the oracle may take if it is to run many times for an explanation. */
const MAX_ORACLE_MS = 300;

/** The oracle's value of an output of `checkGraph` for the inputs and upstream gradients of `p`. */
export function oracleOf({ room, c, inputs, gy, expected }: Prepared, output: string): Nd | undefined {
  if (output in expected) return room.forward(inputs, c.attrs)[output];
  return room.backward?.(inputs, c.attrs, gy)[output.slice(2)];
}

/** Whether the oracle takes too long to be run many times. */
export function isSlow(p: Prepared, output: string): boolean {
  const begin = performance.now();
  oracleOf(p, output);
  return performance.now() - begin > MAX_ORACLE_MS;
}

/** The nearest number of f16, which has 11 significant bits. */
function half(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10);
  return step * Math.round(x / step);
}

/** Relative errors that rounding to f16 and sums of few terms in f16 have: from 2⁻¹⁵ to 2⁻⁸. */
const HALF_ERRORS = [2 ** -15, 2 ** -8] as const;

/** A hint if the errors are those of f16: results or arguments that were rounded, or sums in f16. */
export function rounding(p: Prepared, output: string, got: ArrayLike<number>, { shaders }: UserKernel): string[] {
  const want = expectedOf(p, output);
  const error = nmse(got, want.data);
  if (!Number.isFinite(error) || error > HALF_ERRORS[1] ** 2 || want.data.length < 2) return [];
  const numbers = Array.from(got);
  if (numbers.every((v) => half(v) === v) && !want.data.every((v) => half(v) === v))
    return [
      'every result is a number of f16, so it was rounded to 11 bits (a relative error of up to 2⁻¹¹); store it as f32',
    ];
  const names = isSlow(p, output) ? undefined : roundedArguments(p, output, got, error);
  if (names)
    return [
      `the result is as if ${names.join(', ')} had been rounded to f16, which has 11 bits (a relative error of up to 2⁻¹¹)`,
    ];
  const scale = Math.sqrt(want.data.reduce((sum, v) => sum + v * v, 0) / want.data.length);
  const errors = numbers
    .map((v, i) => Math.abs(v / (want.data[i] as number) - 1))
    .filter((_, i) => Math.abs(want.data[i] as number) > 0.1 * scale)
    .sort((a, b) => a - b);
  const median = errors[Math.floor(errors.length / 2)] ?? 0;
  if (median < HALF_ERRORS[0] || median > HALF_ERRORS[1] || !shaders.some((s) => s.enables.includes('f16'))) return [];
  return [
    `most results are off by about 2^${Math.round(Math.log2(median))} of their value, which is the rounding of f16 (2⁻¹¹ an operation); sum in f32`,
  ];
}

/** The arguments whose rounding to f16 explains the result: all of them, one, or all but one. */
function roundedArguments(p: Prepared, output: string, got: ArrayLike<number>, error: number): string[] | undefined {
  const rounded = (x: Nd) => nd(x.shape, (i) => half(x.data[i] as number));
  const names = Object.keys(p.inputs).filter((n) => p.c.inputs[n]?.dtype !== 'u32');
  const sets = [names, ...names.map((n) => [n]), ...names.map((n) => names.filter((m) => m !== n))];
  return sets.find((set) => {
    const changed = Object.fromEntries(Object.entries(p.inputs).map(([n, x]) => [n, set.includes(n) ? rounded(x) : x]));
    const other = set.length > 0 && oracleOf({ ...p, inputs: changed }, output);
    return other && nmse(got, other.data) < error / 100;
  });
}

/** Divisors that kernels assume, the smallest first. */
const DIVISORS = [2, 3, 4, 8, 16, 32, 64];

/** Fewest cases of either kind before a number is blamed for all that are wrong. */
const MIN_CASES = 2;

/** A hint if exactly those cases are wrong in which a number is no multiple of another. */
export function multiples(outcomes: readonly Outcome[]): string[] {
  const wrong = outcomes.filter((o) => !o.right);
  const right = outcomes.filter((o) => o.right);
  if (wrong.length < MIN_CASES || right.length < MIN_CASES) return [];
  const names = Object.keys(wrong[0]?.numbers ?? {}).filter(
    (n) => !/\.(offset|stride)$/.test(n) && n !== 'subgroup_size',
  );
  for (const n of DIVISORS) {
    const divides = (o: Outcome, name: string) => (o.numbers[name] ?? 0) % n === 0;
    const found = names.find((name) => right.every((o) => divides(o, name)) && !wrong.some((o) => divides(o, name)));
    if (found)
      return [
        `it is wrong exactly where ${found} is no multiple of ${n}; check what remains after groups of ${n}, or refuse it: --require "${found} % ${n} == 0"`,
      ];
  }
  return [];
}

/** Most elements of an argument that are changed one by one. */
const MAX_PROBES = 24;

/** A hint if a wrong result does not depend on elements of an argument that it should depend on. */
export async function ignored(
  p: Prepared,
  { output, index }: Failure,
  got: ArrayLike<number>,
  probe: Again['probe'],
): Promise<string[]> {
  if (isSlow(p, output)) return [];
  const before = expectedOf(p, output).data[index];
  for (const [name, x] of Object.entries(p.inputs)) {
    if (p.c.inputs[name]?.dtype === 'u32') continue;
    const changed = (at: number) => ({
      inputs: { ...p.inputs, [name]: nd(x.shape, (i) => (x.data[i] as number) + (i === at ? 1 : 0)) },
    });
    const every = Math.max(1, x.data.length / MAX_PROBES);
    const tried = Array.from({ length: Math.min(MAX_PROBES, x.data.length) }, (_, k) => Math.floor(k * every));
    const used = tried.filter((at) => oracleOf({ ...p, ...changed(at) }, output)?.data[index] !== before);
    const unread: number[] = [];
    for (const at of used) if ((await probe(changed(at)))?.[index] === got[index]) unread.push(at);
    if (unread.length) {
      const list = unread.slice(0, 4).map((at) => `${name}[${placeOf(at, x.shape).join(', ')}]`);
      const more = unread.length > list.length ? ', …' : '';
      return [
        `the first wrong element depends on ${used.length} of ${tried.length} elements of ${name} that were tried, but the kernel leaves out ` +
          `${unread.length} of these: ${list.join(', ')}${more}. Does it add all parts of the sum?`,
      ];
    }
  }
  return [];
}

function placeOf(index: number, shape: readonly number[]): number[] {
  const place: number[] = [];
  for (const size of [...shape].reverse()) {
    place.unshift(index % size);
    index = Math.floor(index / size);
  }
  return place;
}

/** What to do if nothing else explains a wrong result. */
export function unexplained({ shaders }: UserKernel, { steps }: Run): string[] {
  const subgroups = shaders.some((s) => s.enables.includes('subgroups'));
  const size = steps[0]?.call.kernel.call.device.subgroupSize;
  if (subgroups && size && !shaders.some((s) => /\bsubgroup_size\b/.test(s.code)))
    return [
      `the kernel uses subgroup operations and does not read @builtin(subgroup_size), which is ${size} here; does it assume another size?`,
    ];
  return ['nothing that was tried; --sanitize looks for accesses out of bounds and for races'];
}
