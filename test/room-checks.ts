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

/**
 * Runs a case three times (see `FILLINGS`) with gaps around its tensors. Every result and gradient must equal the
 * oracle's and have the same bits each time, and nothing may be written outside. It does so with the variants that the
 * rule chooses, and then, for each k, with the k-th variant of each op that can run the call. If `done` is given, it
 * tries only choices that run a variant that `done` lacks.
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
  const count = Math.max(1, ...[...ops.keys()].map((op) => variantsOf(op).length));
  for (let k = 0; k < count; k++) {
    const options = { variant: pick(k) };
    if (done) {
      const layout = spread(4);
      const calls = await plannedCase(engine, checkGraph(p, layout), layout, options);
      const names = calls.map(({ op, kernel }) => `${op.name}/${kernel.variant.name}`);
      if (names.every((name) => done.has(name) || ran.has(name))) continue;
    }
    await runCase(engine, p, 4, options, ran, problems);
  }
  await runCase(engine, p, 3, {}, ran, problems);
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
    const wrong = (what: string) => problems.push(`${p.c.name} by ${names.join(', ')}: ${what}`);
    for (const name of names) ran.add(name);
    const runs = await runFilled(plan, checkFeeds(p, layout, plan));
    for (const [i, { outputs, outside }] of runs.entries()) {
      for (const [name, got] of Object.entries(outputs)) {
        const error = nmse(got, expectedOf(p, name).data);
        const exact = got instanceof Uint32Array;
        if (exact ? error !== 0 : !(error <= MAX_NMSE)) wrong(`run ${i + 1}: ${name} is off by an NMSE of ${error}`);
        if (changedBits(got, runs[0]?.outputs[name] as TensorData).length)
          wrong(`run ${i + 1}: ${name} has other bits`);
      }
      for (const violation of outside) wrong(`run ${i + 1}: ${violation}`);
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
