import type { Variant } from '../../autograd/kernel.js';
import type { Op } from '../../autograd/op.js';
import { plannedCalls } from '../../compiler/compile.js';
import { type LaunchedCall, refusalOf } from '../../compiler/kernel-call.js';
import { kernelsOf } from '../../compiler/load.js';
import type { Engine } from '../../gpu/engine.js';
import { UsageError } from '../../gpu/errors.js';
import type { Shader } from '../../gpu/shader.js';
import type { Room } from '../../kernels/room.js';
import { caseGraph } from '../cases.js';
import { knownOp, loadRooms, variantsOf, worthTiming } from '../ops.js';
import { ownCases } from '../own-shapes/cases.js';
import { selectedCases } from '../suite.js';
import { type KernelOptions, namedVariant, userKernel } from '../user-kernel.js';
import { benchCases } from '../user-time.js';

/** Which kernels to compile. */
export interface IsaRequest {
  /** Words of the room, case, op or variant, as for timing. */
  readonly filter?: string;
  /** Only the kernels of this op. */
  readonly op?: string;
  /** Shapes and settings of the op, see `ownCases`, instead of the cases of the benchmark. */
  readonly cases?: readonly string[];
  /** A kernel author's kernel of the op, which is compiled before ours. */
  readonly kernel?: KernelOptions;
  /** Names of our variants of the op. Default: those worth timing, and the reference. */
  readonly variants?: readonly string[];
}

/** A kernel that the engine would dispatch, and where. */
export interface KernelUse {
  readonly op: string;
  readonly variant: string;
  readonly yours: boolean;
  /** Whether the engine chooses its variant in one of the cases. */
  readonly chosen: boolean;
  /** Tells it from the other kernels of its variant, and from itself with other constants; empty if it is the only one. */
  readonly part: string;
  readonly constants: Readonly<Record<string, number>>;
  /** The cases of the benchmark that dispatch it, `room: case`. */
  readonly cases: readonly string[];
}

/** A use with the shader to compile. */
export interface KernelToCompile extends KernelUse {
  readonly shader: Shader;
}

/**
 * The kernels that an engine's device would run for a request, each shader and set of constants once. Nothing runs. Throws
 * `UsageError` if there are none, and the errors of `userKernel`.
 */
export async function kernelsToCompile(
  engine: Engine,
  rooms: readonly Room[],
  request: IsaRequest,
): Promise<KernelToCompile[]> {
  await loadRooms(rooms);
  const found = new Collected();
  const { op } = request;
  const refused = await (op === undefined
    ? collectOurs(engine, rooms, request.filter, found)
    : collectOf(engine, rooms, { ...request, op }, found));
  const kernels = found.kernels();
  if (!kernels.some((k) => k.yours === Boolean(request.kernel)))
    throw new UsageError(`no kernel runs any of these cases on this GPU:\n${refused.map((r) => `  ${r}`).join('\n')}`);
  return kernels;
}

/** Collects our kernels that a filter selects. Returns why cases had none. */
async function collectOurs(
  engine: Engine,
  rooms: readonly Room[],
  filter: string | undefined,
  found: Collected,
): Promise<string[]> {
  const refused: string[] = [];
  for (const { room, c, kernels } of selectedCases(rooms, filter, undefined, engine)) {
    const name = `${room.name}: ${c.name}`;
    const planned = await plannedCalls(engine, caseGraph(room, c).outputs, { retain: 'all' });
    for (const op of new Set(planned.map((p) => p.op))) {
      const calls = planned.filter((p) => p.op === op);
      for (const variant of variantsOf(op, engine))
        if (kernels.some((k) => k.op === op.name && k.variant === variant.name)) found.add(name, op, variant, calls);
    }
    if (!found.has(name)) refused.push(name);
  }
  return refused;
}

/** Collects an author's kernel, if there is one, and ours of its op. Returns why the author's kernel refuses cases. */
async function collectOf(
  engine: Engine,
  rooms: readonly Room[],
  request: IsaRequest & { readonly op: string },
  found: Collected,
): Promise<string[]> {
  const kernel = request.kernel && (await userKernel(engine, rooms, request.kernel));
  const known = knownOp(rooms, request.op);
  const { op } = known;
  const ours = request.variants?.map((name) => namedVariant(op, name, engine));
  const { limits } = engine.device;
  const cases = request.cases ? ownCases(known, request.cases, limits) : benchCases({ known }, request.filter);
  const refused: string[] = [];
  for (const { room, c } of cases) {
    const name = `${room.name}: ${c.name}`;
    const planned = await plannedCalls(engine, caseGraph(room, c).outputs, { retain: 'all' });
    const calls = planned.filter((p) => p.op === op);
    const reasons = calls.map((p) => kernel && refusalOf(kernel.variant, p.kernel.call));
    if (reasons.every((r) => r !== undefined)) {
      refused.push(`${name}: ${reasons[0] ?? `the plan computes ${op.name} inside another kernel`}`);
      continue;
    }
    if (kernel) found.add(name, op, kernel.variant, calls, true);
    const all = kernelsOf(op, engine);
    const suited = new Set(calls.flatMap((p) => worthTiming(all, p.kernel.call)));
    for (const variant of ours ?? all.variants.filter((v) => suited.has(v))) found.add(name, op, variant, calls);
  }
  return refused;
}

interface Collecting extends Omit<KernelToCompile, 'part' | 'cases' | 'chosen'> {
  readonly order: number;
  chosen: boolean;
  readonly cases: Set<string>;
}

/** Kernels by what is compiled. */
class Collected {
  readonly #all = new Map<string, Collecting>();

  /** Adds the kernels of a variant for those calls of a case that it can run. */
  add(name: string, op: Op, variant: Variant, calls: readonly LaunchedCall[], yours = false): void {
    for (const { kernel } of calls) {
      const launch = variant.launch(kernel.call);
      if (typeof launch === 'string') continue;
      for (const { shader, constants = {} } of launch.dispatches) {
        const { label, entryPoint, code } = shader;
        const key = JSON.stringify([op.name, variant.name, label, entryPoint, code, constants]);
        const is = { op: op.name, variant: variant.name, yours, chosen: false, constants, shader };
        const entry = this.#all.get(key) ?? { ...is, order: this.#all.size, cases: new Set<string>() };
        this.#all.set(key, entry);
        entry.cases.add(name);
        entry.chosen ||= kernel.variant.name === variant.name && !yours;
      }
    }
  }

  has(name: string): boolean {
    return [...this.#all.values()].some(({ cases }) => cases.has(name));
  }

  kernels(): KernelToCompile[] {
    const all = [...this.#all.values()].sort((a, b) => Number(b.yours) - Number(a.yours));
    return all.map((k) => {
      const others = all.filter((o) => o !== k && o.op === k.op && o.variant === k.variant);
      const { order: _, cases, ...rest } = k;
      return { ...rest, cases: [...cases], part: partOf(k, others) };
    });
  }
}

/**
 * What tells a kernel from the others of its variant: its label, where that is not the variant's name, and from those of the same
 * label the constants in which it differs, or a number if it differs only in its code.
 */
function partOf(kernel: Collecting, others: readonly Collecting[]): string {
  const { shader, constants } = kernel;
  const twins = others.filter((o) => o.shader.label === shader.label);
  const name = shader.label.replace(/^.*\//, '');
  const label = name !== kernel.variant && others.some((o) => o.shader.label !== shader.label) ? name : '';
  const named = Object.keys(constants).filter((n) => twins.some((o) => o.constants[n] !== constants[n]));
  const values = named.map((n) => `${n}=${constants[n]}`).join(' ');
  const same = others.filter((o) => twins.includes(o) && named.every((n) => o.constants[n] === constants[n]));
  return [label, values, same.length ? `#${1 + same.filter((o) => o.order < kernel.order).length}` : '']
    .filter(Boolean)
    .join(' ');
}
