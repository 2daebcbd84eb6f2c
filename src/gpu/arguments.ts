import { UsageError } from './errors.js';

/**
 * Plain JavaScript drops a surplus argument and an unknown option without a word. So every public function says what it takes, and
 * `checked` refuses all else: `const [x, over = 'all'] = checked('sum', { x: TENSOR, 'over?': OVER }, args)`.
 */

/** What a value must be, in words; whether it is; and what each element of a list, or each value of a map or object, must be. */
export type Kind = readonly [words: string, fits: (value: unknown) => boolean, each?: Kind | Kinds];

/** What each argument of a function, or each field of an object, must be. One whose name ends in `?` may be left out. */
export interface Kinds {
  readonly [name: string]: Kind | Kinds;
}

/** The class of a built-in object by name, in whichever frame or context it was made. */
const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);
const typed = (type: string) => (value: unknown) => typeof value === type;
const view = (tag: string) => (value: unknown) => ArrayBuffer.isView(value) && tagOf(value) === tag;
const whole = (least: number) => (value: unknown) => Number.isSafeInteger(value) && (value as number) >= least;

/** Whether an object was written as a literal or parsed, as options are, and is no instance of a class. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || !value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return !prototype || !Object.getPrototypeOf(prototype);
}

export const NUMBER: Kind = ['a finite number', Number.isFinite];
export const COUNT: Kind = ['an integer of at least 1', whole(1)];
export const NATURAL: Kind = ['an integer of 0 or more', whole(0)];
export const STRING: Kind = ['a string', typed('string')];
export const BOOLEAN: Kind = ['true or false', typed('boolean')];
export const FUNCTION: Kind = ['a function', typed('function')];
export const OBJECT: Kind = ['an object', (v) => typeof v === 'object' && v !== null];
export const F32: Kind = ['a Float32Array', view('Float32Array')];
export const U32: Kind = ['a Uint32Array', view('Uint32Array')];
export const BYTES: Kind = ['a Uint8Array', view('Uint8Array')];

export const listOf = (each: Kind | Kinds): Kind => ['a list', Array.isArray, each];
export const mapOf = (each: Kind): Kind => ['a Map', (v) => tagOf(v) === 'Map', each];
export const recordOf = (each: Kind): Kind => ['an object of values by name', isPlain, each];
export const oneOf = (...values: readonly unknown[]): Kind => [either(values.map(shown)), (v) => values.includes(v)];
export const anyOf = (...kinds: readonly Kind[]): Kind => [
  either(kinds.map(([words]) => words)),
  (v) => kinds.some((kind) => !problemOf('', kind, v)),
];
export const NUMBERS: Kind = listOf(NUMBER);
/** One number for all axes or sides, or one for each. */
export const SIZES: Kind = ['a finite number or a list of them', (v) => !problemOf('', NUMBERS, [v].flat())];

const either = (words: readonly string[]) => words.join(', ').replace(/, ([^,]*)$/, ' or $1');

/** `args`, if the function `of` takes as many and each is of its kind; otherwise a `UsageError` that says which is not, and what is taken. */
export function checked<A extends readonly unknown[]>(of: string, kinds: Kinds, args: A): A {
  const names = Object.keys(kinds);
  const surplus = args.slice(names.length).map(shown).join(', ');
  const problem = surplus
    ? `it takes ${names.length} arguments, and ${surplus} would be dropped`
    : first(names.entries(), ([i, name]) => problemAt(plain(name), name, kinds, args[i]));
  if (problem) throw new UsageError(`${of}: ${problem}. Usage: ${of}(${names.join(', ')})`);
  return args;
}

const plain = (name: string) => name.replace('?', '');
const isKind = (kind: Kind | Kinds): kind is Kind => Array.isArray(kind);

function first<T>(list: Iterable<T>, of: (item: T) => string | undefined): string | undefined {
  for (const item of list) {
    const found = of(item);
    if (found) return found;
  }
  return undefined;
}

function problemAt(path: string, name: string, kinds: Kinds, value: unknown): string | undefined {
  return value === undefined && name.endsWith('?') ? undefined : problemOf(path, kinds[name] as Kind | Kinds, value);
}

/** Why a value is not of its kind; nothing when it is. */
export function problemOf(path: string, kind: Kind | Kinds, value: unknown): string | undefined {
  if (!isKind(kind)) return fieldsProblem(path, kind, value);
  const [words, fits, each] = kind;
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
  const strange = Object.keys(value).filter((name) => !known.includes(name));
  if (strange.length) {
    const each = strange.slice(0, MOST).map((name) => {
      const meant = known.find((k) => alike(k, name));
      return `${shown(name)}${meant ? ` (did you mean ${meant}?)` : ''}`;
    });
    return `${path} cannot have ${each.join(', ')}; known are ${known.join(', ')}`;
  }
  return first(names, (name) => problemAt(`${path}.${plain(name)}`, name, kinds, value[plain(name)]));
}

/** Whether somebody may have meant `known`: `lr` for `learningRate`, `padding` for `pad`, `epsilom` for `epsilon`. */
function alike(known: string, name: string): boolean {
  const [a, b] = [known, name].map((s) => s.toLowerCase().replace(/[^a-z0-9]/g, '')) as [string, string];
  const initials = known.replace(/(?!^)[^A-Z]/g, '').toLowerCase();
  return (
    b === initials || (b.length > 1 && (a.includes(b) || b.includes(a))) || edits(a, b) < Math.min(3, a.length / 2)
  );
}

/** Letters to insert, remove or replace until `a` is `b`; at least 3 where their lengths say so. */
function edits(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const c of a) {
    const [corner = 0] = row;
    const next = [corner + 1];
    for (const [j, d] of [...b].entries())
      next.push(Math.min((row[j] as number) + Number(c !== d), (row[j + 1] as number) + 1, (next[j] as number) + 1));
    row = next;
  }
  return row[b.length] as number;
}

/** Elements, names and letters that an error shows. */
const MOST = 6;

/** A value in a few words, for an error. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || !value) return String(value);
  const some = (words: readonly string[]) => words.slice(0, MOST).join(', ') + (words.length > MOST ? ', …' : '');
  if (Array.isArray(value)) {
    const simple = value.every((v) => typeof v !== 'object' || !v);
    return simple ? `[${some(value.slice(0, MOST + 1).map(shown))}]` : `a list of ${value.length}`;
  }
  if (isPlain(value)) return `{ ${some(Object.keys(value))} }`;
  const tag = tagOf(value);
  if (tag === 'Promise') return 'a promise, which must be awaited';
  const { length } = value as { length?: number };
  if (ArrayBuffer.isView(value)) return `a ${tag} of ${length ?? value.byteLength}`;
  return tag === 'Object' ? `an object of class ${value.constructor?.name}` : `an object of class ${tag}`;
}
