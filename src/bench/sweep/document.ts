import { parseJson } from '../../data/json.js';
import { UsageError } from '../../gpu/errors.js';
import type { BenchAdapter, Speed } from '../document.js';
import type { KernelOptions } from '../user-kernel.js';
import type { Parameters, Values } from './parameters.js';

/** What a sweep found out about one configuration. */
export interface SweptConfiguration {
  readonly values: Values;
  /** `skipped`: it cannot run here, or `--where` excludes it; `hung`: it did not finish. */
  readonly status: 'right' | 'wrong' | 'skipped' | 'hung';
  /** Why it is not right. */
  readonly reason?: string;
  /** The largest NMSE against the float64 oracle, if it is right. */
  readonly nmse?: number;
}

/** One configuration on one case. */
export interface SweptRow {
  readonly values: Values;
  /** Absent if it could not run on this case; then `reason` says why. */
  readonly speed?: Speed;
  readonly launch?: number;
  /** NMSE against the results of ours; `null` if not finite. */
  readonly error?: number | null;
  /** The kernel of ours that was timed in turn with it, and our time / its time. */
  readonly ours?: { readonly variant: string; readonly ms: number; readonly ratio: number };
  /** Why it was not timed, or what is wrong with its results on this case. */
  readonly reason?: string;
}

export interface SweptCase {
  readonly case: string;
  readonly at?: Readonly<Record<string, number>>;
  readonly flops: number;
  readonly bytes: number;
  readonly rows: readonly SweptRow[];
}

/** What a sweep writes to `--out`, and from which it is continued. */
export interface SweepDocument {
  readonly format: typeof FORMAT;
  readonly version: typeof FORMAT_VERSION;
  readonly library: string;
  /** ISO 8601; when the sweep began. */
  readonly date: string;
  readonly adapter: BenchAdapter;
  readonly host: Readonly<Record<string, string | number>>;
  /** The kernel with its sources and its launch, and what the checks allow. */
  readonly kernel: KernelOptions & { readonly tolerance: number; readonly cases?: string };
  readonly parameters: Parameters;
  readonly where?: string;
  readonly complete: boolean;
  readonly configurations: readonly SweptConfiguration[];
  readonly timed: readonly SweptCase[];
}

export const FORMAT = 'webgpu-pose-gan sweep';
export const FORMAT_VERSION = 1;

/** Reads a document; `name` is the name of its file. Throws `UsageError` if the text is not such a document. */
export function parseSweepDocument(text: string, name: string): SweepDocument {
  const found = parseJson(text, name) as Partial<SweepDocument> | null;
  const isWhole =
    Array.isArray(found?.configurations) &&
    Array.isArray(found.timed) &&
    found.timed.every((t: Partial<SweptCase> | null) => Array.isArray(t?.rows)) &&
    Array.isArray(found.kernel?.sources) &&
    found.adapter !== undefined;
  if (found?.format !== FORMAT || found.version !== FORMAT_VERSION || !isWhole)
    throw new UsageError(`${name} is not a sweep of this version; give another --out, or delete the file`);
  return found as SweepDocument;
}

type Identity = Pick<SweepDocument, 'adapter' | 'kernel' | 'parameters' | 'host'>;

/**
 * Throws `UsageError` if results of an older sweep cannot be continued: the kernel, its launch, the swept constants, the device,
 * its driver or the machine have changed. Other values of the constants, other cases and another `--where` can be added.
 */
export function expectSame(before: Identity, now: Identity, name: string): void {
  const changed = changesOf(before, now);
  if (!changed.length) return;
  throw new UsageError(
    `${name} holds a sweep that cannot be continued, because other things were measured:\n` +
      `${changed.map((c) => `  ${c}`).join('\n')}\nGive another --out, or delete the file to measure anew`,
  );
}

function changesOf(before: Identity, now: Identity): string[] {
  const changed: string[] = [];
  const differ = (a: unknown, b: unknown) => JSON.stringify(a ?? null) !== JSON.stringify(b ?? null);
  const [old, own] = [before.kernel, now.kernel];
  if (old.sources.length !== own.sources.length)
    changed.push(`it has ${old.sources.length} kernels, not ${own.sources.length}`);
  else
    for (const [i, source] of own.sources.entries()) {
      if (differ(old.sources[i]?.code, source.code)) changed.push(`the source of ${source.name}`);
      for (const part of ['entry', 'workgroups', 'params', 'constants'] as const)
        if (differ(old.sources[i]?.[part], source[part])) changed.push(`--${part}`);
    }
  for (const part of ['op', 'like', 'scratch', 'require', 'tolerance', 'cases'] as const)
    if (differ(old[part], own[part]))
      changed.push(`--${part}: ${old[part] ?? 'none'} then, ${own[part] ?? 'none'} now`);
  const [names, ownNames] = [before.parameters, now.parameters].map((p) => Object.keys(p).join(', '));
  if (names !== ownNames) changed.push(`the constants of --sweep: ${names} then, ${ownNames} now`);
  for (const part of ['name', 'vendor', 'architecture', 'device', 'description'] as const)
    if (differ(before.adapter[part], now.adapter[part]))
      changed.push(`the adapter's ${part}: ${before.adapter[part]} then, ${now.adapter[part]} now`);
  for (const key of ['platform', 'cpus'])
    if (differ(before.host[key], now.host[key])) changed.push(`${key}: ${before.host[key]} then, ${now.host[key]} now`);
  return changed;
}
