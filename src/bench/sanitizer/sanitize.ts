import type { Call, Launch, Variant } from '../../autograd/kernel.js';
import { refusalOf } from '../../compiler/kernel-call.js';
import type { Plan } from '../../compiler/plan.js';
import { fillRedzones } from '../../compiler/redzones.js';
import type { Engine } from '../../gpu/engine.js';
import { type Shader, shader as shaderOf } from '../../gpu/shader.js';
import { present } from '../../present.js';
import { checkFeeds, checkGraph, compileCase, type Layout, prepare } from '../check-case.js';
import type { UserKernel } from '../user-kernel.js';
import { caseName, casesOf, explain, outputsUsing, refusedAll, withTimeout } from '../user-run.js';
import { type Finding, findingsOf } from './findings.js';
import { type Instrumented, instrument } from './instrument.js';
import { type Log, planLog } from './log.js';
import { DISPATCH, LOG } from './runtime.js';

export interface SanitizeOptions {
  /** Run only cases whose room and name contain this text. */
  readonly cases?: string;
  /** Milliseconds that one case may take. Default: 30 000. */
  readonly timeoutMs?: number;
  /** Called before each case. */
  onCase?(done: number, total: number, name: string): void;
}

export interface SanitizeResult {
  /** Whether nothing was found. */
  readonly passed: boolean;
  /** Names of the cases that ran. */
  readonly cases: readonly string[];
  readonly refused: readonly { readonly case: string; readonly reason: string }[];
  /** Accesses out of bounds, and pairs of places that race, each in the first case that shows it. */
  readonly findings: readonly Finding[];
  /** What was not tested, with the line and the reason. */
  readonly untested: readonly string[];
}

const PLAIN: Layout = { name: 'plain', margin: 0, gap: 0 };

/**
 * Runs a kernel on the small cases of its op, rewritten so that every index of an array in storage or workgroup memory is
 * tested, and every element knows who used it last (see `runtime.ts`). Throws the same errors as `checkKernel`.
 */
export async function sanitizeKernel(
  engine: Engine,
  kernel: UserKernel,
  { cases, timeoutMs = 30_000, onCase }: SanitizeOptions = {},
): Promise<SanitizeResult> {
  const wanted = casesOf(kernel, cases);
  const sanitizer = new Sanitizer(kernel);
  const ran: string[] = [];
  const refused: { case: string; reason: string }[] = [];
  const findings = new Map<string, Finding>();
  const late = new Set<string>();
  for (const [i, use] of wanted.entries()) {
    const name = caseName(use);
    onCase?.(i, wanted.length, name);
    const p = prepare(use.room, use.c);
    const { op } = kernel.known;
    let reason = 'the case does not apply the op';
    const fits = (call: Call) => {
      const found = refusalOf(sanitizer.variant, call);
      reason = found ?? reason;
      return found === undefined;
    };
    let plan: Plan | undefined;
    try {
      plan = await compileCase(engine, outputsUsing(checkGraph(p, PLAIN), op.name), PLAIN, {
        retain: 'all',
        variant: (o, call) => (o === op.name && fits(call) ? sanitizer.variant : undefined),
      });
      const work = run(plan, sanitizer, checkFeeds(p, PLAIN, plan));
      const found = await withTimeout(timeoutMs, `${kernel.name}, sanitized, on ${name}`, work);
      if (!found) {
        refused.push({ case: name, reason });
        continue;
      }
      ran.push(name);
      for (const f of found.findings) if (!findings.has(f.key)) findings.set(f.key, { ...f, case: name });
      for (const text of found.late) late.add(text);
    } catch (error) {
      throw explain(error, kernel, name);
    } finally {
      plan?.destroy();
    }
  }
  if (!ran.length) throw refusedAll(kernel, refused);
  const list = [...findings.values()].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  return { passed: !list.length, cases: ran, refused, findings: list, untested: [...sanitizer.untested, ...late] };
}

/** Runs a plan once, and returns what the logs of the kernel's calls say; `undefined` if it has no such call. */
async function run(plan: Plan, sanitizer: Sanitizer, feeds: Parameters<Plan['run']>[0]) {
  const { engine, parts } = plan;
  const calls = [...new Set(plan.steps.map((s) => s.call))].filter((c) => c.kernel.variant === sanitizer.variant);
  if (!calls.length) return undefined;
  fillRedzones(plan);
  const logs = calls.map(({ kernel, buffers }) => {
    const { allocation, buffer = allocation } = present(buffers[LOG]);
    return { log: sanitizer.logOf(kernel.launch), buffer: present(parts.buffers.get(buffer)) };
  });
  for (const { log, buffer } of logs) engine.write(buffer, 0, log.words);
  plan.run(feeds);
  const all = [];
  for (const { log, buffer } of logs) {
    const words = new Uint32Array(await engine.readBuffer(buffer, 0, 4 * log.words.length));
    all.push(findingsOf(log, words));
  }
  return { findings: all.flatMap((f) => f.findings), late: all.flatMap((f) => f.late) };
}

/** A kernel whose shaders are rewritten, as a variant of its op. */
class Sanitizer {
  readonly variant: Variant;
  readonly #shaders = new Map<Shader, { shader: Shader; instrumented: Instrumented }>();
  readonly #logs = new WeakMap<Launch, Log>();

  constructor(private readonly kernel: UserKernel) {
    for (const s of kernel.shaders) this.#sanitized(s);
    this.variant = { name: `${kernel.variant.name} (sanitized)`, launch: (call) => this.#launch(call) };
  }

  get untested(): string[] {
    const several = this.#shaders.size > 1;
    return [...this.#shaders].flatMap(([of, { instrumented }]) =>
      instrumented.untested.map((text) => (several ? `${of.label}: ${text}` : text)),
    );
  }

  logOf(launch: Launch): Log {
    return present(this.#logs.get(launch));
  }

  #launch(call: Call): Launch | string {
    const launch = this.kernel.variant.launch(call);
    if (typeof launch === 'string') return launch;
    const made = launch.dispatches.map((d) => this.#sanitized(d.shader));
    const { maxStorageBuffersPerShaderStage: most } = call.device.limits;
    const full = made.find(({ shader }) => shader.bindings.filter((b) => b.type.endsWith('storage')).length > most);
    if (full)
      return `${full.shader.label} uses all ${most} storage buffers of a shader, so none is left for the sanitizer`;
    const log = planLog(
      call,
      launch,
      made.map((m) => ({ shader: m.instrumented, file: m.shader.label })),
    );
    if (typeof log === 'string') return log;
    const sanitized: Launch = {
      ...launch,
      dispatches: launch.dispatches.map((d, i) => ({
        ...d,
        shader: present(made[i]).shader,
        constants: { ...d.constants, [DISPATCH]: i },
      })),
      scratch: { ...launch.scratch, [LOG]: log.words.length },
    };
    this.#logs.set(sanitized, log);
    return sanitized;
  }

  #sanitized(of: Shader): { shader: Shader; instrumented: Instrumented } {
    const known = this.#shaders.get(of);
    if (known) return known;
    const index = 1 + Math.max(-1, ...of.bindings.map((b) => b.index));
    const instrumented = instrument(of.label, of.code, of.entryPoint, index);
    const shader = shaderOf(of.label, {
      ...of,
      code: instrumented.code,
      bindings: [...of.bindings, { index, name: LOG, type: 'storage' }],
      overrides: [...of.overrides, { name: DISPATCH }],
    });
    const made = { shader, instrumented };
    this.#shaders.set(of, made);
    return made;
  }
}
