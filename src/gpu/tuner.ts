import { VERSION } from '../version.js';
import { brief, checked, type Kind, STRING } from './arguments.js';
import { UsageError } from './errors.js';

/** Identifies an adapter as far as WebGPU tells. Most descriptions include the driver's version. */
export interface AdapterIdentity {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

const IDENTITY = ['vendor', 'architecture', 'device', 'description'] as const;

export const ADAPTER: Kind = [
  `an adapter by ${IDENTITY.join(', ')}, such as engine.adapter`,
  (v) => IDENTITY.every((k) => typeof (v as Partial<AdapterIdentity> | null)?.[k] === 'string'),
];

export function adapterIdentity(info: Partial<GPUAdapterInfo> | undefined): AdapterIdentity {
  const { vendor = '', architecture = '', device = '', description = '' } = info ?? {};
  return { vendor, architecture, device, description };
}

/** The measured choice for one op and one class of shapes. */
export interface Choice {
  /** The variant to run. */
  readonly variant: string;
  /** The variant that the rule would run. It is one of the candidates. */
  readonly rule: string;
  /** The median time of every candidate in microseconds. */
  readonly times: Readonly<Record<string, number>>;
}

/** A `Tuning` as JSON. */
export interface TuningFile {
  readonly format: string;
  readonly version: number;
  readonly library: string;
  readonly adapter: AdapterIdentity;
  readonly choices: Readonly<Record<string, Choice>>;
}

const FORMAT = 'webgpu-pose-gan tuning';
const FIELDS = ['format', 'version', 'library', 'adapter', 'choices'];
/** Increased when readers of the previous version could misread a file. */
const FORMAT_VERSION = 1;

/** Choices measured on one adapter, by op and class of shapes. `tune` adds them, `compile` uses them, and JSON stores them. */
export class Tuning {
  readonly #choices = new Map<string, Choice>();

  readonly adapter: AdapterIdentity;
  /** The version of the library that measured. */
  readonly library: string;

  constructor(...args: [adapter: AdapterIdentity, library?: string]) {
    const [adapter, library = VERSION] = checked('new Tuning', { adapter: ADAPTER, 'library?': STRING }, args);
    this.adapter = adapter;
    this.library = library;
  }

  /** The number of choices. */
  get size(): number {
    return this.#choices.size;
  }

  get(key: string): Choice | undefined {
    return this.#choices.get(key);
  }

  set(key: string, choice: Choice): void {
    this.#choices.set(key, choice);
  }

  /** Adds the choices of another tuning. They replace choices for the same key. */
  add(other: Tuning): this {
    for (const [key, choice] of other.#choices) this.#choices.set(key, choice);
    return this;
  }

  /** Why these choices do not apply to an adapter under this version of the library, or `undefined` if they do. */
  mismatch(adapter: AdapterIdentity): string | undefined {
    const other = this.otherAdapter(adapter);
    return other || this.library === VERSION ? other : `measured by version ${this.library}, this is ${VERSION}`;
  }

  /** A message that they were measured on another adapter, or `undefined` if they were measured on this one. */
  otherAdapter(adapter: AdapterIdentity): string | undefined {
    const differing = IDENTITY.find((k) => this.adapter[k] !== adapter[k]);
    return differing && `measured on "${nameOf(this.adapter)}", this is "${nameOf(adapter)}" (${differing} differs)`;
  }

  /** Returns these choices if they apply to an adapter; throws `UsageError` otherwise. */
  expect(adapter: AdapterIdentity): this {
    const mismatch = this.mismatch(adapter);
    if (mismatch)
      throw new UsageError(`the tuning given to open was ${mismatch}; leave it out, or tune on this adapter`);
    return this;
  }

  /** For `JSON.stringify`. Keys are sorted, so that equal tunings give equal files. */
  toJSON(): TuningFile {
    const choices = Object.fromEntries([...this.#choices].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { format: FORMAT, version: FORMAT_VERSION, library: this.library, adapter: this.adapter, choices };
  }

  /** Reads the result of `toJSON`. For anything else it throws a `UsageError` that names `from` and what is wrong. */
  static fromJSON(json: unknown, from = 'the tuning'): Tuning {
    const wrong = (what: string) => new UsageError(`${from} ${what}; make one with pose-gan tune`);
    const file = json as Partial<TuningFile> | null;
    if (!isRecord(file) || file.format !== FORMAT) throw wrong('is not a tuning');
    if (file.version !== FORMAT_VERSION)
      throw wrong(`has format version ${brief(file.version)}, this library reads ${FORMAT_VERSION}`);
    const { library, adapter, choices } = file;
    const unknown = Object.keys(file).find((name) => !FIELDS.includes(name));
    if (unknown) throw wrong(`has the unknown field "${brief(unknown)}"`);
    if (typeof library !== 'string') throw wrong('does not say which version of the library measured');
    if (!isRecord(adapter) || IDENTITY.some((k) => typeof adapter[k] !== 'string'))
      throw wrong(`must name its adapter by ${IDENTITY.join(', ')}`);
    if (!isRecord(choices)) throw wrong('has no choices');
    const tuning = new Tuning(adapterIdentity(adapter), library);
    for (const [key, choice] of Object.entries(choices)) {
      const problem = problemOf(choice);
      if (problem) throw wrong(`has a choice for "${brief(key)}" that ${problem}`);
      const { variant, rule, times } = choice;
      tuning.set(key, { variant, rule, times: { ...times } });
    }
    return tuning;
  }
}

export const TUNING: Kind = ['a Tuning', (v) => v instanceof Tuning];

function problemOf(choice: unknown): string | undefined {
  if (!isRecord(choice)) return 'is not an object';
  const { variant, rule, times } = choice as Partial<Choice>;
  if (![variant, rule].every((x) => typeof x === 'string' && x)) return 'lacks its variant or the rule’s';
  if (!isRecord(times) || !Object.values(times).every((t) => Number.isFinite(t) && (t as number) >= 0))
    return 'has no times in microseconds';
  const untimed = [variant, rule].find((v) => !Object.hasOwn(times, v as string));
  return untimed && `has no time of ${brief(untimed)}`;
}

function isRecord(x: unknown): x is Readonly<Record<string, unknown>> {
  return typeof x === 'object' && x !== null && !Array.isArray(x);
}

const nameOf = (a: AdapterIdentity) => a.description || [a.vendor, a.architecture, a.device].filter(Boolean).join(' ');

/** What a store holds for an adapter. */
export interface StoredTuning {
  readonly tuning?: Tuning;
  /** Why the stored tuning is not used. */
  readonly ignored?: string;
}

/** The stored tuning if it applies to this adapter. If not, or if `read` throws a `UsageError`, the reason. */
export function usable(read: () => unknown, adapter: AdapterIdentity, from: string): StoredTuning {
  try {
    const tuning = Tuning.fromJSON(read(), from);
    const ignored = tuning.mismatch(adapter);
    return ignored ? { ignored: `${from} was ${ignored}` } : { tuning };
  } catch (error) {
    if (error instanceof UsageError) return { ignored: error.message };
    throw error;
  }
}

/** The tuning to store when `tuning` is added to a stored one of the same adapter. Choices of another version are dropped. */
export function mergedOver(before: Tuning | undefined, tuning: Tuning): Tuning {
  const stale = tuning.mismatch(tuning.adapter);
  if (stale) throw new UsageError(`the tuning to be stored was ${stale}; tune again`);
  if (!before || before.mismatch(tuning.adapter)) return tuning;
  return new Tuning(tuning.adapter).add(before).add(tuning);
}
