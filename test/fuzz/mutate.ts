import type { Stream } from '../../src/data/random.js';

/** Integers that often break readers: the limits of signed and unsigned numbers, and the values next to them. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** Words that often break readers of text: unusual numbers, names, nesting and characters. */
const WORDS = [
  ...['null', 'true', '-1', '0', '1e999', '-1e999', 'NaN', 'Infinity', '9007199254740993', '1e-400', '0x10', '""'],
  ...['"__proto__":', '"constructor":', '[', ']', '{', '}', ',', ':', '\\', '"', "'", '\\u0000', '\u0000', '\u001b[2J'],
  ...['..', '/', '../', '\\\\', '\r', '\n', '\n\n', '\t', '\uFEFF', '\u202e', '\ud800', 'é', '[[[[[[[[', '{"a":', '%s'],
];

const MAX_BYTES = 1 << 16;

/**
 * Damages a file in one to eight ways, as a pure function of the random stream. It changes bits, bytes and integers of
 * either byte order; cuts, repeats, moves or splices ranges; and inserts words. `others` are the files to splice ranges
 * from.
 */
export function mutate(seed: Uint8Array, random: Stream, others: readonly Uint8Array[]): Uint8Array {
  const most = Math.max(MAX_BYTES, seed.length + 1024);
  // A Buffer’s slice would share its memory.
  let bytes: Uint8Array = Uint8Array.from(seed);
  for (let n = 1 + random.below(random.chance(0.7) ? 2 : 8); n > 0; n--) {
    bytes = random.pick(WAYS)(bytes, random, others);
    if (bytes.length > most) bytes = bytes.slice(0, most);
  }
  return bytes;
}

type Way = (bytes: Uint8Array, random: Stream, others: readonly Uint8Array[]) => Uint8Array;

const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

/** Returns a range of at most a quarter of the bytes, more often a short one. */
function stretch(bytes: Uint8Array, random: Stream): [from: number, to: number] {
  const from = random.below(bytes.length + 1);
  const most = random.chance(0.7) ? 8 : 1 + (bytes.length >> 2);
  return [from, Math.min(bytes.length, from + 1 + random.below(most))];
}

function replaced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return join(bytes.subarray(0, from), by, bytes.subarray(to));
}

const WAYS: readonly Way[] = [
  // Flips a bit.
  (bytes, random) => {
    const at = random.below(bytes.length);
    if (bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    return bytes;
  },
  // Changes a byte.
  (bytes, random) => {
    if (bytes.length) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  // Sets an integer of one, two, four or eight bytes to an extreme value.
  (bytes, random) => {
    const size = random.pick([1, 2, 4, 8]);
    if (bytes.length < size) return bytes;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const at = random.below(bytes.length - size + 1);
    const value = BigInt(random.pick(EDGES) + random.below(3) - 1);
    const little = random.chance(0.5);
    if (size === 1) view.setUint8(at, Number(value & 0xffn));
    else if (size === 2) view.setUint16(at, Number(value & 0xffffn), little);
    else if (size === 4) view.setUint32(at, Number(value & 0xffffffffn), little);
    else view.setBigUint64(at, BigInt.asUintN(64, value), little);
    return bytes;
  },
  // Changes a number a little, such as a length or an offset.
  (bytes, random) => {
    const at = random.below(bytes.length);
    if (bytes.length) bytes[at] = (bytes[at] as number) + random.pick([-2, -1, 1, 2, 16, -16]);
    return bytes;
  },
  // Cuts off the end.
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  // Removes a range.
  (bytes, random) => replaced(bytes, ...stretch(bytes, random), new Uint8Array(0)),
  // Repeats a range once or many times.
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    const part = bytes.slice(from, to);
    const times = random.chance(0.9) ? 1 : Math.min(1000, Math.floor(MAX_BYTES / Math.max(1, part.length)));
    return replaced(bytes, to, to, join(...Array.from({ length: times }, () => part)));
  },
  // Moves a range.
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    const part = bytes.slice(from, to);
    const rest = replaced(bytes, from, to, new Uint8Array(0));
    const at = random.below(rest.length + 1);
    return replaced(rest, at, at, part);
  },
  // Fills a range with zeros or ones.
  (bytes, random) => bytes.fill(random.pick([0, 0xff, 0x20]), ...stretch(bytes, random)),
  // Splices in a range of another file.
  (bytes, random, others) => {
    const other = random.pick(others);
    const [from, to] = stretch(other, random);
    return replaced(bytes, ...stretch(bytes, random), other.subarray(from, to));
  },
  // Inserts a word, or replaces a range by it.
  (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return replaced(bytes, from, random.chance(0.5) ? from : to, new TextEncoder().encode(random.pick(WORDS)));
  },
  // Replaces a digit, bracket or quotation mark by another one, so that text stays nearly well-formed.
  (bytes, random) => {
    const kinds = ['0123456789', '[]{}', '",:'].map((k) => new TextEncoder().encode(k));
    const places = [...bytes.keys()].filter((i) => kinds.some((k) => k.includes(bytes[i] as number)));
    if (!places.length) return bytes;
    const at = random.pick(places);
    const kind = kinds.find((k) => k.includes(bytes[at] as number)) as Uint8Array;
    bytes[at] = kind[random.below(kind.length)] as number;
    return bytes;
  },
];
