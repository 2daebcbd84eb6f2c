import type { Call } from '../src/autograd/kernel.js';
import type { TensorData } from '../src/autograd/tensor.js';
import {
  caseLeaves,
  changedBits,
  checkFeeds,
  checkGraph,
  compileCase,
  expectedOf,
  type Layout,
  nmse,
  type Prepared,
  plannedCase,
  prepare,
  type RunResult,
  runFilled,
} from '../src/bench/check-case.js';
import { refusalOf } from '../src/compiler/kernel-call.js';
import { kernelsOf, loadKernels } from '../src/compiler/load.js';
import { nodesOf } from '../src/compiler/lower.js';
import type { CompileOptions } from '../src/compiler/options.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError, UsageError } from '../src/gpu/errors.js';
import type { Case, Refusal, Room } from '../src/kernels/room.js';

/** These checks of every room run in Node and in a page, so this file uses nothing of Node or of the test runner. */

const MAX_NMSE = 1e-7;

/** Returns all cases of a room, with those of NaN and infinities last. */
export const allCases = (room: Room): readonly Case[] => [...room.cases, ...(room.nonFinite ?? [])];

export interface CaseReport {
  /** `op/variant` of all variants of the case's ops, and of those that were run. */
  readonly known: readonly string[];
  readonly ran: readonly string[];
  /** The problems that were found, none when the case passes. */
  readonly problems: readonly string[];
}

const spread = (gap: number): Layout => ({ name: `gap ${gap}`, margin: gap, gap });

/** Indices of the elements whose error exceeds what the tolerance allows an element on average. */
function wrongElements(got: TensorData, want: ArrayLike<number>): number[] {
  const finite = Array.from(want).filter(Number.isFinite);
  const squares = finite.reduce((sum, v) => sum + v * v, 0);
  const slack = got instanceof Uint32Array ? 0 : Math.sqrt((MAX_NMSE * squares) / Math.max(1, finite.length));
  return [...got.keys()].filter((i) => {
    const [a, b] = [got[i] as number, want[i] as number];
    return !Object.is(a, b) && !(Math.abs(a - b) <= slack);
  });
}

/** An element of a tensor by its indices, such as `y[1, 0, 3]`. */
function elementName(name: string, index: number, shape: readonly number[]): string {
  let rest = index;
  const indices = shape.toReversed().map((size) => {
    const i = rest % size;
    rest = (rest - i) / size;
    return i;
  });
  return `${name}[${indices.reverse().join(', ')}]`;
}

/** Says which element of a result is the first wrong one, what it is and should be, and how many are wrong. */
function wrongText(p: Prepared, name: string, got: TensorData, error: number): string {
  const want = expectedOf(p, name);
  const [index = 0, ...more] = wrongElements(got, want.data);
  const first = elementName(name, index, want.shape);
  const count = `${1 + more.length} of ${got.length} elements of ${name} are wrong (NMSE ${error.toPrecision(2)})`;
  return `${first} is ${got[index]}, but the oracle’s is ${want.data[index]}; ${count}`;
}

/**
 * Runs a case three times (see `FILLINGS`) with gaps around its tensors. Every result and gradient must equal the
 * oracle's and have the same bits each time, and nothing may be written outside. It does so with the variants that the
 * rule chooses, and then, for each k, with the k-th variant of each op that can run the call. If `done` is given, it
 * tries only those of these choices that run a variant that `done` lacks.
 */
export async function checkCase(engine: Engine, room: Room, c: Case, done?: ReadonlySet<string>): Promise<CaseReport> {
  const p = prepare(room, c);
  const ops = new Map(nodesOf(Object.values(checkGraph(p, spread(0)))).map((n) => [n.op.name, n.op]));
  await loadKernels(ops.values(), engine);
  const variantsOf = (name: string) => {
    const op = ops.get(name);
    return op?.kernels ? kernelsOf(op, engine).variants : [];
  };
  const known = [...ops.keys()].flatMap((op) => variantsOf(op).map((v) => `${op}/${v.name}`));
  const ran = new Set<string>();
  const problems: string[] = [];
  const pick = (k: number) => (op: string, call: Call) => {
    const fitting = variantsOf(op).filter((v) => refusalOf(v, call) === undefined);
    return fitting[k % Math.max(1, fitting.length)]?.name;
  };
  /** Whether these options run a variant that has not been run. */
  const isNew = async (gap: number, options: CompileOptions) => {
    if (!done) return true;
    const layout = spread(gap);
    const calls = await plannedCase(engine, checkGraph(p, layout), layout, options);
    const names = calls.map(({ op, kernel }) => `${op.name}/${kernel.variant.name}`);
    return names.some((name) => !done.has(name) && !ran.has(name));
  };
  const count = Math.max(1, ...[...ops.keys()].map((op) => variantsOf(op).length));
  for (let k = 0; k < count; k++) {
    const options = { variant: pick(k) };
    if (await isNew(4, options)) await runCase(engine, p, 4, options, ran, problems);
  }
  if (await isNew(3, {})) await runCase(engine, p, 3, {}, ran, problems);
  return { known, ran: [...ran], problems };
}

async function runCase(
  engine: Engine,
  p: Prepared,
  gap: number,
  options: CompileOptions,
  ran: Set<string>,
  problems: string[],
): Promise<void> {
  const layout = spread(gap);
  const plan = await compileCase(engine, checkGraph(p, layout), layout, options);
  try {
    const names = plan.steps.map(({ call }) => `${call.op.name}/${call.kernel.variant.name}`);
    for (const name of names) ran.add(name);
    const runs = await runFilled(plan, checkFeeds(p, layout, plan));
    const wrong = (what: string, inRuns: readonly number[]) => {
      const some = inRuns.length < runs.length ? ` (only in run ${inRuns.join(' and ')} of ${runs.length})` : '';
      problems.push(`${p.c.name} with ${layout.name} after each row, by ${names.join(', ')}: ${what}${some}`);
    };
    const runsWhere = (holds: (run: RunResult) => boolean) =>
      runs.flatMap((run, i) => (holds(run) ? [i + 1] : [])) as readonly number[];
    for (const name of Object.keys(plan.outputs)) {
      const of = (run: RunResult) => run.outputs[name] as TensorData;
      const errorOf = (run: RunResult) => nmse(of(run), expectedOf(p, name).data);
      const tolerance = (run: RunResult) => (of(run) instanceof Uint32Array ? 0 : MAX_NMSE);
      const failing = runs.filter((run) => !(errorOf(run) <= tolerance(run)));
      const [first] = failing;
      if (first)
        wrong(
          wrongText(p, name, of(first), errorOf(first)),
          runsWhere((run) => failing.includes(run)),
        );
      const changed = runsWhere((run) => changedBits(of(run), of(runs[0] as RunResult)).length > 0);
      if (changed.length) wrong(`${name} has other bits than in run 1`, changed);
    }
    for (const place of new Set(runs.flatMap(({ outside }) => outside))) {
      const [tensor, element] = place.split(' @ ');
      const what = `the kernel wrote outside ${tensor}, at element ${element} of its buffer`;
      wrong(
        what,
        runsWhere(({ outside }) => outside.includes(place)),
      );
    }
  } finally {
    plan.destroy();
  }
}

/** Returns what is wrong with how a room refuses a call, or nothing when it throws the typed error that it promises. */
export function checkRefusal(room: Room, r: Refusal): string | undefined {
  try {
    room.build(caseLeaves(r, spread(0)), r.attrs);
  } catch (error) {
    const typed = error instanceof ShapeError || error instanceof UsageError;
    if (typed && r.error.test(error.message)) return undefined;
    return `${room.name} should refuse with ${r.error}, but says: ${error}`;
  }
  return `${room.name} should refuse with ${r.error}, but accepts`;
}
