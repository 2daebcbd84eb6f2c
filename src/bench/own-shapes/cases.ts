import { input } from '../../autograd/leaves.js';
import { PoseGanError, UsageError } from '../../gpu/errors.js';
import type { Case, InputSpec, Room } from '../../kernels/room.js';
import { caseNodes, type KnownOp, type OpUse } from '../ops.js';
import { type CaseText, type CaseValue, caseError, itemsOf, numbersOf, parseCase, rangeOf } from './parse.js';

/** A case of the user's own: an op on shapes and settings from `--case`. */
export interface OwnCase {
  readonly room: Room;
  readonly c: Case;
  /** The values of the names in its shapes. */
  readonly at: Readonly<Record<string, number>>;
}

/** The limits of a device that bound a tensor. */
export interface SizeLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
}

/** Largest number of cases that the ranges of all `--case` may give. */
const MAX_CASES = 200;

/** What `--case` may say about a room, read from the room's own cases. */
interface Terms {
  readonly room: Room;
  readonly inputs: readonly string[];
  readonly required: readonly string[];
  /** Every attribute and the values that it has in the cases. */
  readonly attrs: ReadonlyMap<string, readonly unknown[]>;
  /** The attributes that every case has. */
  readonly always: readonly string[];
}

/** The cases that the texts of `--case` describe, ranges written out. Throws `UsageError` before any GPU work. */
export function ownCases(known: KnownOp, texts: readonly string[], limits: SizeLimits): OwnCase[] {
  const terms = termsOf(known);
  const found = texts.flatMap((given) => {
    const text = parseCase(given);
    return variablesOf(terms, text).map((at): OwnCase => ({ room: terms.room, c: caseOf(terms, text, at), at }));
  });
  if (found.length > MAX_CASES)
    throw new UsageError(`--case: the ranges give ${found.length} cases; at most ${MAX_CASES} can be timed in one run`);
  for (const own of found) expectApplicable(known, own, limits);
  return found;
}

/** The room of an op or, for `reluGradient`, that of `relu`; otherwise the first one that applies it. */
function roomOf({ op, uses }: KnownOp): Room {
  const named = uses.filter((u) => op.name.startsWith(u.room.name));
  const [best = uses[0]] = named.sort((a, b) => b.room.name.length - a.room.name.length);
  return (best as OpUse).room;
}

function termsOf(known: KnownOp): Terms {
  const room = roomOf(known);
  const cases = room.cases;
  const names = (of: (c: Case) => object | null | undefined) => cases.map((c) => Object.keys(of(c) ?? {}));
  const always = (lists: readonly (readonly string[])[]) =>
    (lists[0] ?? []).filter((n) => lists.every((list) => list.includes(n)));
  const [inputs, keys] = [names((c) => c.inputs), names((c) => c.attrs as object | null)];
  const attrs = new Map(
    [...new Set(keys.flat())].map((n) => [n, [...cases, ...(room.bench ?? [])].flatMap((c) => attr(c, n))]),
  );
  return { room, inputs: [...new Set(inputs.flat())], required: always(inputs), attrs, always: always(keys) };
}

/** The value of an attribute in a case as a list of one, or an empty list. */
function attr({ attrs }: Case, name: string): unknown[] {
  const value = (attrs as Record<string, unknown> | null)?.[name];
  return value === undefined ? [] : [value];
}

const isSettable = (values: readonly unknown[]) => values.every((v) => typeof v !== 'object' || Array.isArray(v));

function namesText({ room, inputs, required, attrs }: Terms): string {
  const tensors = inputs.map((n) => (required.includes(n) ? n : `${n} (optional)`));
  const settings = [...attrs].flatMap(([n, values]) => (isSettable(values) ? [n] : []));
  return `${room.name} has the tensors ${tensors.join(', ')} and ${settings.length ? `the settings ${settings.join(', ')}` : 'no settings'}`;
}

/** Every combination of the values of the names that are neither tensors nor settings. */
function variablesOf(terms: Terms, { text, values }: CaseText): Record<string, number>[] {
  const used = new Set([...values].flatMap(([, { text: v }]) => itemsOf(v)));
  let found: Record<string, number>[] = [{}];
  for (const [name, value] of values) {
    if (terms.inputs.includes(name) || terms.attrs.has(name)) continue;
    const at = text.search(new RegExp(`\\b${name}\\s*=`));
    if (!used.has(name))
      throw caseError(text, at, `${name} is neither a tensor nor a setting, and no shape uses it; ${namesText(terms)}`);
    const range = rangeOf(text, value);
    if (found.length * range.length > MAX_CASES)
      throw caseError(text, at, `the ranges give more than ${MAX_CASES} cases`);
    found = found.flatMap((f) => range.map((v) => ({ ...f, [name]: v })));
  }
  return found;
}

function caseOf(terms: Terms, { text, values }: CaseText, at: Readonly<Record<string, number>>): Case {
  const missing = terms.required.filter((n) => !values.has(n));
  if (missing.length)
    throw caseError(text, text.length, `the shape of ${missing.join(', ')} is missing; ${namesText(terms)}`);
  const shapes: Record<string, number[]> = {};
  const attrs: Record<string, unknown> = {};
  for (const [name, value] of values) {
    if (terms.inputs.includes(name)) shapes[name] = shapeOf(text, name, value, at);
    else if (terms.attrs.has(name)) attrs[name] = settingOf(text, name, value, at, terms.attrs.get(name) ?? []);
  }
  const like = likeness(terms, shapes);
  const defaults = Object.fromEntries(terms.always.map((n) => [n, usual(terms.room, n)]));
  const name = [
    ...Object.entries(shapes).map(([n, shape]) => `${n}=${shape.join('×')}`),
    ...Object.entries({ ...defaults, ...attrs }).map(
      ([n, v]) => `${n}=${Array.isArray(v) ? v.join('×') : JSON.stringify(v).replace(/"/g, '')}`,
    ),
  ].join(', ');
  const inputs: Record<string, InputSpec> = {};
  for (const n of terms.inputs) {
    const shape = shapes[n];
    const spec = like.inputs[n] ?? terms.room.cases.find((c) => c.inputs[n])?.inputs[n];
    if (shape) inputs[n] = { ...spec, shape };
  }
  return { name, inputs, attrs: terms.attrs.size ? { ...defaults, ...attrs } : null };
}

/** The most frequent value of a setting in the model's layers or, without any, in the small cases. */
function usual(room: Room, name: string): unknown {
  const values = (room.bench?.length ? room.bench : room.cases).flatMap((c) => attr(c, name));
  const text = values.map((v) => JSON.stringify(v));
  const count = (i: number) => text.filter((t) => t === text[i]).length;
  return values.reduce<{ value: unknown; n: number }>(
    (best, value, i) => (count(i) > best.n ? { value, n: count(i) } : best),
    { value: undefined, n: 0 },
  ).value;
}

/**
 * The case of the room that is most like these shapes, from which comes the distribution of the values: the largest one that
 * is nowhere larger, otherwise the first.
 */
function likeness({ room }: Terms, shapes: Readonly<Record<string, readonly number[]>>): Case {
  const size = (c: Case) => Object.values(c.inputs).reduce((n, { shape }) => n + shape.reduce((p, d) => p * d, 1), 0);
  const fits = (c: Case) =>
    Object.entries(c.inputs).every(([n, { shape }]) => {
      const own = shapes[n];
      return own && own.length === shape.length && shape.every((d, i) => d <= (own[i] as number));
    });
  const [best = room.cases[0]] = [...room.cases, ...(room.bench ?? [])].filter(fits).sort((a, b) => size(b) - size(a));
  return best as Case;
}

function shapeOf(text: string, name: string, value: CaseValue, at: Readonly<Record<string, number>>): number[] {
  const shape = numbersOf(value.text, at);
  const unknown = itemsOf(value.text).find((i) => /^[A-Za-z]\w*$/.test(i) && !(i in at));
  if (!shape && unknown)
    throw caseError(
      text,
      value.at,
      `${unknown} in ${name} has no value; add a number or a range, as in ${unknown}=64..1024*2`,
    );
  if (!shape || shape.some((d) => d < 1))
    throw caseError(
      text,
      value.at,
      `${name} must be whole numbers of at least 1 joined by x, as in 4x32x32x64; got ${value.text}`,
    );
  return shape;
}

/** The value of a setting, of the type that it has in the room's cases. */
function settingOf(
  text: string,
  name: string,
  value: CaseValue,
  at: Readonly<Record<string, number>>,
  seen: readonly unknown[],
): unknown {
  if (!isSettable(seen))
    throw caseError(text, value.at, `${name} cannot be given, because it consists of several settings`);
  const lists = seen.filter((v) => Array.isArray(v));
  const words = [...new Set(seen.filter((v) => typeof v === 'string'))];
  if (seen.some((v) => typeof v === 'boolean') && /^(?:true|false)$/.test(value.text)) return value.text === 'true';
  if (words.includes(value.text)) return value.text;
  const isNumeric = lists.length > 0 || seen.some((v) => typeof v === 'number');
  const single = Number(at[value.text] ?? value.text);
  if (isNumeric && Number.isFinite(single)) {
    // A setting that is always a list takes one number for all of its elements.
    const { length = 0 } = lists.length === seen.length ? (lists[0] as unknown[]) : [];
    return length && lists.every((v) => (v as unknown[]).length === length)
      ? Array.from({ length }, () => single)
      : single;
  }
  const list = lists.length ? numbersOf(value.text, at) : undefined;
  if (list) return list;
  const accepted = [
    ...(isNumeric ? ['a number'] : []),
    ...(lists.length ? ['numbers joined by x, as in 1x2'] : []),
    ...words.map(String),
    ...(seen.some((v) => typeof v === 'boolean') ? ['true', 'false'] : []),
  ];
  throw caseError(text, value.at, `${name} must be ${accepted.join(' or ')}; got ${value.text}`);
}

/** Throws `UsageError` if the op does not take these shapes, the case does not apply it, or a tensor is too large. */
function expectApplicable({ op }: KnownOp, { room, c }: OwnCase, limits: SizeLimits): void {
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  const expectSize = (what: string, shape: readonly number[]) => {
    const bytes = 4 * shape.reduce((p, d) => p * d, 1);
    if (bytes > most)
      throw new UsageError(
        `--case: ${what} [${shape.join(', ')}] takes ${(bytes / 2 ** 20).toFixed(0)} MiB, but this adapter binds at most ` +
          `${(most / 2 ** 20).toFixed(0)} MiB\n  (in ${c.name})`,
      );
  };
  for (const [name, { shape }] of Object.entries(c.inputs)) expectSize(name, shape);
  const nodes = (() => {
    try {
      // The forward pass alone, which names what does not fit together.
      room.build(
        Object.fromEntries(Object.entries(c.inputs).map(([n, s]) => [n, input(n, s.shape, s.dtype)])),
        c.attrs,
      );
      return caseNodes(room, c).all;
    } catch (error) {
      if (error instanceof PoseGanError) throw new UsageError(`--case: ${error.message}\n  (in ${c.name})`);
      throw error;
    }
  })();
  for (const node of nodes)
    for (const [name, t] of Object.entries(node.outputs)) expectSize(`${name} of ${node.op.name}`, t.shape);
  if (!nodes.some((n) => n.op === op))
    throw new UsageError(`--case: ${room.name} on ${c.name} does not apply ${op.name}, so there is nothing to time`);
}
