import type { Call } from '../autograd/kernel.js';
import type { Tensor } from '../autograd/tensor.js';
import { refusalOf } from '../compiler/kernel-call.js';
import { nodesOf } from '../compiler/lower.js';
import type { Plan } from '../compiler/plan.js';
import type { Step } from '../compiler/realize.js';
import type { Filling } from '../compiler/redzones.js';
import type { Engine } from '../gpu/engine.js';
import { DeviceLostError, GpuValidationError, KernelTimeoutError, PoseGanError, UsageError } from '../gpu/errors.js';
import {
  checkFeeds,
  checkGraph,
  compileCase,
  type Layout,
  type Prepared,
  type RunResult,
  runFilled,
} from './check-case.js';
import type { OpUse } from './ops.js';
import type { UserKernel } from './user-kernel.js';

export const caseName = ({ room, c }: { room: { name: string }; c: { name: string } }) => `${room.name}: ${c.name}`;

/** The cases of a kernel's op whose names contain a text. Throws `UsageError` that lists all cases if there is none. */
export function casesOf({ known: { op, uses } }: UserKernel, text = ''): readonly OpUse[] {
  const wanted = uses.filter((u) => caseName(u).includes(text));
  if (wanted.length) return wanted;
  throw new UsageError(
    `no case of ${op.name} contains "${text}"; its cases are\n${uses.map((u) => `  ${caseName(u)}`).join('\n')}`,
  );
}

/** The error for a kernel that runs no case, with the reasons. */
export function refusedAll(
  { name, known }: UserKernel,
  refused: readonly { readonly case: string; readonly reason: string }[],
): UsageError {
  const reasons = refused.map((r) => `  ${r.case}: ${r.reason}`);
  return new UsageError(
    `${name} refuses every case of ${known.op.name}, so nothing was checked:\n${reasons.join('\n')}`,
  );
}

/** The runs of a case in one layout. */
export interface Run {
  readonly layout: Layout;
  readonly steps: readonly Step[];
  readonly runs: readonly RunResult[];
}

/** Rejects with `KernelTimeoutError` if `promise` takes longer than `ms`. */
export async function withTimeout<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new KernelTimeoutError(
          `${what} did not finish in ${ms / 1000} s: it has an endless loop or is far too slow (--timeout allows more time)`,
        ),
      );
    }, ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Adds to an error which kernel and case it comes from. */
export function explain(error: unknown, kernel: UserKernel, name: string): unknown {
  if (error instanceof UsageError) return new UsageError(`${error.message}\n  (in the case ${name})`);
  if (error instanceof GpuValidationError) {
    const unbound = /binding index/i.test(error.message)
      ? ' Does the entry point use every variable that is declared?'
      : '';
    return new GpuValidationError(`${kernel.known.op.name}/${kernel.name} on ${name}`, `${error.message}${unbound}`);
  }
  if (error instanceof DeviceLostError)
    return new PoseGanError(
      `${kernel.name} lost the device on ${name} (${error.message.replace(/\. Open.*/, '')}): ` +
        'it has an endless loop, or a dispatch takes longer than the driver allows',
    );
  return error;
}

/** Outputs that depend on the op; its kernel does not affect the others. */
export function outputsUsing(outputs: Readonly<Record<string, Tensor>>, op: string): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(outputs).filter(([, t]) => nodesOf([t]).some((n) => n.op.name === op)));
}

/** Runs a case with the kernel instead of ours; returns the reason if the kernel refuses all calls of the case. */
export async function runCase(
  engine: Engine,
  kernel: UserKernel,
  p: Prepared,
  layout: Layout,
  timeoutMs = 30_000,
  fillings?: readonly Filling[],
): Promise<Run | string> {
  const name = caseName(p);
  const { variant } = kernel;
  const { op } = kernel.known;
  let refused = 'the case does not apply the op in this layout';
  let plan: Plan | undefined;
  const fits = (call: Call) => {
    const reason = refusalOf(variant, call);
    if (reason) refused = reason;
    return !reason;
  };
  try {
    plan = await compileCase(engine, outputsUsing(checkGraph(p, layout), op.name), layout, {
      retain: 'all',
      variant: (o, call) => (o === op.name && fits(call) ? variant : undefined),
    });
    const steps = plan.steps.filter(({ call }) => call.op.name === op.name && call.kernel.variant === variant);
    if (!steps.length) return refused;
    const finished = runFilled(plan, checkFeeds(p, layout, plan), fillings);
    const runs = await withTimeout(timeoutMs, `${kernel.name} on ${name} (${layout.name})`, finished);
    return { layout, steps, runs };
  } catch (error) {
    throw explain(error, kernel, name);
  } finally {
    plan?.destroy();
  }
}
