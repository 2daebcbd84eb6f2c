import { Optimizer } from '../autograd/optimizer.js';
import { ParameterSet } from '../autograd/parameters.js';
import { anyOf, BOOLEAN, BYTES, checked, type Kind, recordOf, STRING } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { ParameterStorage } from '../gpu/parameter-storage.js';
import { Random } from '../kernels/dropout/random.js';

/**
 * What a file holds: a set of parameters; an optimiser, which has the sets of its state and its step; or a generator of random
 * numbers, which has its seed and step. Training that uses all three goes on exactly where it was saved.
 */
export type Savable = ParameterSet | Optimizer | Random;

/** One of them, or several by the names that they have in the file. */
export type Saved = Savable | Readonly<Record<string, Savable>>;

export interface LoadOptions {
  /** Whether names that the file lacks, or has besides, are errors. Default: true. */
  strict?: boolean;
  /** What errors call the file. Default: `file`. */
  name?: string;
}

/** The names that did not match, which there can be with `strict: false`. */
export interface LoadReport {
  /** What the file does not have; it keeps its values. */
  readonly missing: readonly string[];
  /** What only the file has. */
  readonly unexpected: readonly string[];
}

const isSavable = (v: unknown): v is Savable =>
  v instanceof ParameterSet || v instanceof Optimizer || v instanceof Random;
const SAVABLE: Kind = ['a ParameterSet, an optimiser, a Random', isSavable];
export const SAVED: Kind = /* @__PURE__ */ anyOf(SAVABLE, /* @__PURE__ */ recordOf(SAVABLE));

/** A set of parameters, and what stands before their names in a file. */
export interface FileSet {
  readonly prefix: string;
  readonly set: ParameterSet;
}

/** A field of a file's metadata: a number, how it is set, and whether a file must have the one that there is. */
export interface FileNumber {
  readonly key: string;
  readonly value: number;
  set?(value: number): void;
}

/** All that is saved of `saved`. */
function contentsOf(saved: Saved): { sets: FileSet[]; numbers: FileNumber[] } {
  const sets: FileSet[] = [];
  const numbers: FileNumber[] = [];
  const add = (prefix: string, one: Savable) => {
    if (one instanceof ParameterSet) {
      sets.push({ prefix, set: one });
      return;
    }
    const setStep = (step: number) => {
      one.step = step;
    };
    numbers.push({ key: `${prefix}step`, value: one.step, set: setStep });
    if (one instanceof Random) numbers.push({ key: `${prefix}seed`, value: one.seed });
    else for (const [name, set] of Object.entries(one.state)) sets.push({ prefix: `${prefix}${name}.`, set });
  };
  if (isSavable(saved)) add('', saved);
  else for (const [name, one] of Object.entries(saved)) add(`${name}.`, one);
  return { sets, numbers };
}

/**
 * The bytes of a safetensors file with the values on this engine, in device layout (convolution weights [height, width, in, out]),
 * under the names that the parameters have: `w` of a set alone, `net.w` and `adam.m.w` of `{ net, adam }`, `m.w` of an optimiser
 * alone. Steps, seeds and the version of this library are in the metadata. The values are those of the runs submitted so far,
 * however late the promise is awaited. Rejects with `UsageError` if two names are the same, or if a value is NaN or infinite.
 */
export async function save(...args: [engine: Engine, saved: Saved]): Promise<Uint8Array> {
  const [engine, saved] = checked('save', { engine: ENGINE, saved: SAVED }, args);
  const { sets, numbers } = contentsOf(saved);
  const values = Promise.all(sets.map(({ set }) => set.read(engine)));
  const [{ encode }, read] = await Promise.all([import('./file-format.js'), values]);
  return encode(sets, read, numbers);
}

/**
 * Replaces the values on this engine, and steps, by those of a file that `save` has written, or any safetensors file with the same
 * names and shapes. Rejects with `UsageError`, and changes nothing, if a shape is another, or a seed, or if a value is NaN or infinite;
 * and, unless `strict` is false, if a name is missing or unexpected.
 */
export async function load(
  ...args: [engine: Engine, bytes: Uint8Array, saved: Saved, options?: LoadOptions]
): Promise<LoadReport> {
  const options = { 'strict?': BOOLEAN, 'name?': STRING };
  const kinds = { engine: ENGINE, bytes: BYTES, saved: SAVED, 'options?': options };
  const [engine, bytes, saved, { strict = true, name = 'file' } = {}] = checked('load', kinds, args);
  const { decode } = await import('./file-format.js');
  const { sets, numbers } = contentsOf(saved);
  const { values, found, report } = decode(bytes, name, sets, numbers, strict);
  // Memory for all of them before any is written.
  const storages = sets.map(({ set }) => ParameterStorage.of(engine, set));
  for (const [i, storage] of storages.entries()) storage.write(values[i] ?? new Map());
  for (const { key, set } of numbers) {
    const value = found.get(key);
    if (value !== undefined) set?.(value);
  }
  return report;
}
