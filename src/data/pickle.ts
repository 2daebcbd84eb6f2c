import { shownName } from './json-scan.js';

/**
 * A reader of Python pickles that executes nothing. Names of classes and functions stay names, and the caller defines
 * the few that it expects. It reads protocol 2 and what later protocols add for plain data.
 * https://github.com/python/cpython/blob/main/Lib/pickletools.py describes every opcode.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PickleValue[]
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Global
  | object;

/** The name of a class or function, never the class or function itself. */
export class Global {
  constructor(readonly name: string) {}
}

export interface PickleReader {
  /** The result of calling a named class or function. Throws for names that it does not know. */
  call(name: string, args: readonly PickleValue[]): PickleValue;
  /** Sets the state of an object. Throws for state that it does not know. */
  build(object: PickleValue, state: PickleValue): void;
  /** The value of a persistent id. */
  persistent(id: PickleValue): PickleValue;
}

const MARK = Symbol('mark');

/** The longest name of a class in bytes. A longer one would only fill the memory. */
const MAX_NAME = 1000;
/** The largest numbers of lists, tuples, dictionaries and names, and of operations. Fifty thousand tensors need fewer. */
const MAX_OBJECTS = 500_000;
const MAX_DICTIONARIES = 250_000;
const MAX_OPERATIONS = 3_000_000;

/**
 * Reads one pickle at `start`; `end` is the byte after it. Throws `Error` for anything except plain data and the reader's
 * names. Time and memory are proportional to the pickle's length, because no operation copies what others have built.
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  reader: PickleReader,
): { value: PickleValue; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const stack: (PickleValue | typeof MARK)[] = [];
  const memo = new Map<number, PickleValue>();
  let at = start;

  const damaged = () => new Error(`the pickle is damaged near byte ${at}`);
  const skip = (n: number) => {
    if (!(n >= 0 && at + n <= bytes.length)) throw new Error(`the pickle at byte ${start} is cut short`);
    at += n;
    return at - n;
  };
  const left = { objects: MAX_OBJECTS, dictionaries: MAX_DICTIONARIES };
  const made = <T>(value: T): T => {
    if (--left.objects < 0 || (value instanceof Map && --left.dictionaries < 0))
      throw new Error(`the pickle makes more than ${MAX_OBJECTS} objects, far more than tensors need`);
    return value;
  };
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined || value === MARK) throw damaged();
    return value;
  };
  const popMark = (): PickleValue[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) throw damaged();
    const items = stack.splice(mark + 1) as PickleValue[];
    stack.pop();
    return items;
  };
  const top = (): PickleValue => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const byte = () => view.getUint8(skip(1));
  const u32 = () => view.getUint32(skip(4), true);
  const text = (n: number) => {
    const from = skip(n);
    return decoder.decode(bytes.subarray(from, from + n));
  };
  const line = () => {
    const end = bytes.subarray(at, at + MAX_NAME).indexOf(10);
    if (end < 0) throw damaged();
    const s = text(end);
    at++;
    return s;
  };
  const binary = (n: number) => bytes.subarray(skip(n), at);
  const integer = (n: number): number | bigint => {
    const from = skip(n);
    let value = 0n;
    for (let i = n - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i] as number);
    value = n ? BigInt.asIntN(8 * n, value) : 0n;
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };
  const fill = (items: PickleValue[]) => {
    const target = top();
    if (!(target instanceof Map)) throw new Error('the pickle sets items of something that is not a dictionary');
    if (items.length % 2) throw damaged();
    for (let i = 0; i < items.length; i += 2) target.set(items[i] as PickleValue, items[i + 1] as PickleValue);
  };
  const extend = (items: PickleValue[]) => {
    const target = top();
    if (!Array.isArray(target)) throw new Error('the pickle appends to something that is not a list');
    for (const item of items) target.push(item);
  };
  const named = (module: PickleValue, name: PickleValue) => {
    if (typeof module !== 'string' || typeof name !== 'string' || module.length + name.length > MAX_NAME)
      throw damaged();
    return made(new Global(`${module}.${name}`));
  };
  const call = () => {
    const args = pop();
    const callee = pop();
    if (!(callee instanceof Global)) throw new Error(`the pickle calls something that is not a name near byte ${at}`);
    if (!Array.isArray(args)) throw new Error(`the pickle calls ${shownName(callee.name)} without arguments`);
    stack.push(made(reader.call(callee.name, args)));
  };
  const build = () => {
    const state = pop();
    reader.build(top(), state);
  };
  const recall = (key: number) => {
    const value = memo.get(key);
    if (value === undefined) throw new Error(`the pickle refers to value ${key} before it is defined`);
    return value;
  };

  const operations: Readonly<Record<number, () => void>> = {
    128: () => skip(1), // protocol
    149: () => skip(8), // frame
    40: () => stack.push(MARK),
    48: pop,
    49: popMark,
    50: () => stack.push(top()),
    78: () => stack.push(null),
    136: () => stack.push(true),
    137: () => stack.push(false),
    74: () => stack.push(view.getInt32(skip(4), true)),
    75: () => stack.push(byte()),
    77: () => stack.push(view.getUint16(skip(2), true)),
    138: () => stack.push(integer(byte())),
    71: () => stack.push(view.getFloat64(skip(8), false)),
    88: () => stack.push(text(u32())),
    140: () => stack.push(text(byte())),
    84: () => stack.push(text(u32())),
    85: () => stack.push(text(byte())),
    66: () => stack.push(binary(u32())),
    67: () => stack.push(binary(byte())),
    41: () => stack.push(made([])),
    93: () => stack.push(made([])),
    125: () => stack.push(made(new Map())),
    108: () => stack.push(made(popMark())),
    116: () => stack.push(made(popMark())),
    133: () => stack.push(made([pop()])),
    134: () => stack.push(made([pop(), pop()].reverse())),
    135: () => stack.push(made([pop(), pop(), pop()].reverse())),
    97: () => extend([pop()]),
    101: () => extend(popMark()),
    115: () => fill([pop(), pop()].reverse()),
    117: () => fill(popMark()),
    113: () => memo.set(byte(), top()),
    114: () => memo.set(u32(), top()),
    148: () => memo.set(memo.size, top()),
    104: () => stack.push(recall(byte())),
    106: () => stack.push(recall(u32())),
    99: () => stack.push(named(line(), line())),
    147: () => stack.push(named(...([pop(), pop()].reverse() as [PickleValue, PickleValue]))),
    81: () => stack.push(made(reader.persistent(pop()))),
    82: call,
    129: call, // new object of a class
    98: build,
  };

  for (let n = 0; ; n++) {
    if (n > MAX_OPERATIONS) throw new Error(`the pickle has more than ${MAX_OPERATIONS} operations`);
    const op = byte();
    if (op === 46) return { value: pop(), end: at };
    const operation = operations[op];
    if (!operation)
      throw new Error(`the pickle uses the operation 0x${op.toString(16)}, which plain data does not need`);
    operation();
  }
}
