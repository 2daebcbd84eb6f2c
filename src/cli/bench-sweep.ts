import { describe } from '../bench/document.js';
import { checkedOn, tooLargeText } from '../bench/own-shapes/affordable.js';
import type { OwnCase } from '../bench/own-shapes/cases.js';
import { expectSame, FORMAT, FORMAT_VERSION, parseSweepDocument, type SweepDocument } from '../bench/sweep/document.js';
import {
  configurationsOf,
  excludedBy,
  expectOverrides,
  type Parameters,
  parseSweep,
} from '../bench/sweep/parameters.js';
import { sweepReport } from '../bench/sweep/report.js';
import { sweepKernel } from '../bench/sweep/sweep.js';
import { checkedText, sweepSummary, sweptCaseText } from '../bench/sweep/text.js';
import type { KernelOptions, UserKernel } from '../bench/user-kernel.js';
import { benchCases } from '../bench/user-time.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { rooms } from '../kernels/rooms.js';
import { isThere, readText, writeFileAtomic } from '../node/files.js';
import { VERSION } from '../version.js';
import type { Values } from './command.js';
import { machine } from './machine.js';
import { say, sayJson, sayLayout } from './terminal.js';
import { text } from './values.js';

export interface SweepSettings {
  readonly options: KernelOptions;
  readonly samples: number;
  readonly oracleLimit: number;
  readonly tolerance: number;
  readonly timeoutMs: number;
  readonly allowNondeterminism: boolean;
  readonly paths: { readonly out?: string; readonly html?: string };
}

/** The constants that `--sweep` varies, if it was given. Throws `UsageError` for options that do not go with it. */
export function sweptParameters(values: Values): Parameters | undefined {
  if (values.sweep === undefined) {
    if (values.where !== undefined) throw new UsageError('--where belongs to --sweep NAME=VALUES');
    return undefined;
  }
  const other = ['check-only', 'sanitize', 'variants'].find((name) => values[name] !== undefined);
  if (other) throw new UsageError(`--${other} cannot be used with --sweep`);
  const parameters = parseSweep(values.sweep as string[]);
  excludedBy(text(values, 'where'), configurationsOf(parameters));
  return parameters;
}

/** Sweeps the constants of a kernel, continues where an earlier run of `--out` was stopped, and returns the exit code. */
export async function runSweep(
  engine: Engine,
  kernel: UserKernel,
  values: Values,
  parameters: Parameters,
  own: readonly OwnCase[] | undefined,
  { options, samples, oracleLimit, tolerance, timeoutMs, allowNondeterminism, paths }: SweepSettings,
  bar: { update(what: string, done: number, total: number, note: string): void; end(): void },
): Promise<number> {
  const overrides = kernel.shaders.map((s, i) => ({
    ...{ name: options.sources[i]?.name ?? s.label, overrides: s.overrides.map((o) => o.name) },
    constants: options.sources[i]?.constants,
  }));
  expectOverrides(parameters, overrides);
  const uses = own ?? benchCases(kernel, text(values, 'filter'));
  const cases = text(values, 'cases');
  const fresh: SweepDocument = {
    ...{ format: FORMAT, version: FORMAT_VERSION, library: VERSION, date: new Date().toISOString() },
    ...{ adapter: describe(engine), host: machine(), kernel: { ...options, tolerance, ...(cases && { cases }) } },
    ...{ parameters, where: text(values, 'where'), complete: false, configurations: [], timed: [] },
  };
  const { doc, before } = continued(fresh, paths.out);
  const wide = await checkedOn(engine, kernel, own ?? [], { oracleLimit, cases });
  const json = values.json === true;
  if (before && !json)
    say(
      `continues ${paths.out}: ${before.configurations.length} configurations were checked, ${countRows(before)} times were taken`,
    );
  if (!json) for (const line of tooLargeText(wide, 'kernel that the engine chooses', oracleLimit)) say(line);
  const found = await sweepKernel(engine, rooms, doc, {
    ...{ samples, oracleLimit, timeoutMs, allowNondeterminism, own, uses },
    onProgress: (what, done, total, note) => bar.update(what, done, total, note),
    save: (now) => {
      if (paths.out) writeFileAtomic(paths.out, `${JSON.stringify(now, null, 2)}\n`);
      if (paths.html) writeFileAtomic(paths.html, sweepReport(now));
    },
  });
  bar.end();
  if (json) sayJson(found);
  else {
    sayLayout(checkedText(found));
    for (const t of found.timed) sayLayout(`\n${sweptCaseText(t, parameters)}`);
    sayLayout(`\n${sweepSummary(found) || 'nothing was timed'}`);
  }
  const wrong = found.configurations.some((c) => c.status === 'wrong' || c.status === 'hung');
  const wrongHere = found.timed.some((t) => t.rows.some((r) => r.speed && r.reason));
  return wrong || wrongHere || !found.timed.some((t) => t.rows.some((r) => r.speed)) ? 1 : 0;
}

const countRows = ({ timed }: SweepDocument) => timed.reduce((n, t) => n + t.rows.length, 0);

/** The document to continue: the one that `--out` already holds, or an empty one. */
function continued(fresh: SweepDocument, out: string | undefined): { doc: SweepDocument; before?: SweepDocument } {
  if (!out || !isThere(out)) return { doc: fresh };
  const before = parseSweepDocument(readText(out, 'sweep'), out);
  expectSame(before, fresh, out);
  const { configurations, timed, date } = before;
  return { doc: { ...fresh, date, configurations, timed }, before };
}
