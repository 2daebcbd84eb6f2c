import { UsageError } from './errors.js';

/**
 * Plain JavaScript silently drops a surplus argument or an unknown option. So every public function says what it takes, and
 * `checked` refuses everything else: `const [x, over = 'all'] = checked('sum', { x: TENSOR, 'over?': OVER }, args)`.
 */

/** A kind of value: its description, a test for it, and for a list, map or object the kind of each element. */
export type Kind = readonly [words: string, fits: (value: unknown) => boolean, each?: Kind | Kinds];

/** The kind of each argument of a function, or of each field of an object. A name that ends in `?` is optional. */
export interface Kinds {
  readonly [name: string]: Kind | Kinds;
}

/** The class name of a built-in object, whichever frame or context it comes from. */
const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);
const typed = (type: string) => (value: unknown) => typeof value === type;
const view = (tag: string): Kind => [`a ${tag}`, (v) => ArrayBuffer.isView(v) && tagOf(v) === tag];

/** Whether a value is a literal or parsed object, as options are, rather than an instance of a class. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || !value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return !prototype || !Object.getPrototypeOf(prototype);
}

/** Numbers that kernels can take: not NaN, and finite as f32. */
export const numeric = (words: string, fits: (value: number) => boolean = () => true): Kind => [
  words,
  (v) => typeof v === 'number' && Number.isFinite(Math.fround(v)) && fits(v),
];

export const NUMBER = /* @__PURE__ */ numeric('a finite number');
export const POSITIVE = /* @__PURE__ */ numeric('positive', (v) => v > 0);
export const RATE = /* @__PURE__ */ numeric('a number of 0 or more', (v) => v >= 0);
/** From 0 to less than 1. */
export const FRACTION = /* @__PURE__ */ numeric('in [0, 1)', (v) => v >= 0 && v < 1);
export const INTEGER = /* @__PURE__ */ numeric('an integer', Number.isSafeInteger);
export const NATURAL = /* @__PURE__ */ numeric('an integer of 0 or more', (v) => Number.isSafeInteger(v) && v >= 0);
export const COUNT = /* @__PURE__ */ numeric('an integer of at least 1', (v) => Number.isSafeInteger(v) && v > 0);
export const STRING: Kind = ['a string', /* @__PURE__ */ typed('string')];
export const BOOLEAN: Kind = ['true or false', /* @__PURE__ */ typed('boolean')];
export const FUNCTION: Kind = ['a function', /* @__PURE__ */ typed('function')];
export const OBJECT: Kind = ['an object', (v) => typeof v === 'object' && v !== null];
export const F32 = /* @__PURE__ */ view('Float32Array');
export const U32 = /* @__PURE__ */ view('Uint32Array');
export const BYTES = /* @__PURE__ */ view('Uint8Array');

/** Copies an array on shared memory, which some implementations of WebGPU cannot read, and returns any other array itself. */
export const unshared = (data: Float32Array | Uint32Array): Unshared => (isUnshared(data) ? data : data.slice());

type Unshared = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

const isUnshared = (data: Float32Array | Uint32Array): data is Unshared => tagOf(data.buffer) !== 'SharedArrayBuffer';

export const listOf = (each: Kind | Kinds): Kind => ['a list', Array.isArray, each];
export const mapOf = (each: Kind): Kind => ['a Map', (v) => tagOf(v) === 'Map', each];
export const recordOf = (each?: Kind | Kinds): Kind => ['an object of values by name', isPlain, each];
export const oneOf = (...values: readonly unknown[]): Kind => [
  values.map(shown).join(' or '),
  (v) => values.includes(v),
];
export const anyOf = (...kinds: readonly Kind[]): Kind => [
  kinds.map(([words]) => words).join(' or '),
  (v) => kinds.some((kind) => !problemOf('', kind, v)),
];
export const NUMBERS = /* @__PURE__ */ listOf(NUMBER);
/** One number for all axes or sides, or one for each. */
export const SIZES: Kind = ['a number or a list of them', (v) => !problemOf('', NUMBERS, [v].flat())];

/**
 * Returns `args` if the function `of` takes as many and each is of its kind. Otherwise it throws a `UsageError` that names the wrong
 * argument and shows the usage.
 */
export function checked<A extends readonly unknown[]>(of: string, kinds: Kinds, args: A): A {
  const names = Object.keys(kinds);
  const problem =
    args.length > names.length
      ? `takes no argument ${args.slice(names.length).map(shown)}`
      : first(names.entries(), ([i, name]) => problemAt(plain(name), name, kinds, args[i]));
  if (problem) throw new UsageError(`${of}: ${problem}. Usage: ${of}(${names.join(', ')})`);
  return args;
}

const plain = (name: string) => name.replace('?', '');

function first<T>(list: Iterable<T>, of: (item: T) => string | undefined): string | undefined {
  for (const item of list) {
    const found = of(item);
    if (found) return found;
  }
  return undefined;
}

const problemAt = (path: string, name: string, kinds: Kinds, value: unknown) =>
  value === undefined && name.endsWith('?') ? undefined : problemOf(path, kinds[name] as Kind | Kinds, value);

/** Why a value is not of its kind, or `undefined` if it is. */
export function problemOf(path: string, kind: Kind | Kinds, value: unknown): string | undefined {
  if (!Array.isArray(kind)) return fieldsProblem(path, kind as Kinds, value);
  const [words, fits, each] = kind as Kind;
  if (!fits(value)) return `${path} must be ${words}, got ${shown(value)}`;
  if (!each) return undefined;
  const items: Iterable<[unknown, unknown]> = isPlain(value)
    ? Object.entries(value)
    : (value as readonly unknown[]).entries();
  return first(items, ([key, item]) => problemOf(`${path}.${key}`, each, item));
}

function fieldsProblem(path: string, kinds: Kinds, value: unknown): string | undefined {
  const names = Object.keys(kinds);
  const known = names.map(plain);
  if (!isPlain(value)) return `${path} must be an object of ${known.join(', ')}, got ${shown(value)}`;
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  if (!unknown.length)
    return first(names, (name) => problemAt(`${path}.${plain(name)}`, name, kinds, value[plain(name)]));
  const each = unknown.slice(0, MAX_SHOWN).map((name) => {
    const meant = known.find((k) => alike(k, name));
    return shown(name) + (meant ? ` (did you mean ${meant}?)` : '');
  });
  return `${path} cannot have ${each.join(', ')}; known are ${known.join(', ')}`;
}

/** Whether `name` may be meant as `known`, as `lr` for `learningRate`, `padding` for `pad`, or `stirde` for `stride`. */
function alike(known: string, name: string): boolean {
  const [a, b] = [known, name].map((s) => s.toLowerCase()) as [string, string];
  const initials = known.replace(/\B[^A-Z]/g, '').toLowerCase();
  return b === initials || a.slice(0, 2) === b.slice(0, 2) || b.includes(a);
}

/** The largest number of elements or names that an error shows. */
const MAX_SHOWN = 6;

/** A name from outside for an error, cut off if it is very long. */
export const brief = (name: unknown) => (typeof name === 'string' ? name.slice(0, 80) : shown(name));

/** A value in a few words, for an error. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || !value) return String(value);
  if (isPlain(value)) return `{ ${Object.keys(value).slice(0, MAX_SHOWN).join(', ')} }`;
  if (Array.isArray(value)) return `[${value.slice(0, MAX_SHOWN).map((v) => (Array.isArray(v) ? '…' : shown(v)))}]`;
  const tag = tagOf(value);
  const name = tag === 'Object' ? String(value.constructor?.name) : tag;
  return ArrayBuffer.isView(value) && 'length' in value ? `${name}(${value.length})` : name;
}
