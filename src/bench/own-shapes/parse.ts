import { UsageError } from '../../gpu/errors.js';

/** A value in the text of a case: a word, or numbers and names joined by `x`, such as `4x32x32xC`. */
export interface CaseValue {
  readonly text: string;
  /** Column of the value, from 0. */
  readonly at: number;
}

/** The parts of the text of a case, by name. */
export interface CaseText {
  readonly text: string;
  readonly values: ReadonlyMap<string, CaseValue>;
}

/** Largest number of values of a range. */
const MAX_VALUES = 100;

const EXAMPLE = '"x=4x64x64x128, w=3x3x128x256, stride=1, pad=1"';

/** An error in the text of a case, with a caret below column `at`. */
export function caseError(text: string, at: number, message: string): UsageError {
  return new UsageError(`--case: ${message}\n  ${text}\n  ${' '.repeat(at)}^`);
}

/** Splits `NAME=VALUE, NAME=VALUE`. Throws `UsageError` with a caret. */
export function parseCase(given: string): CaseText {
  const text = given.replace(/[\r\n\t]/g, ' ').trimEnd();
  const values = new Map<string, CaseValue>();
  let at = 0;
  for (const item of text.split(',')) {
    const match = /^(\s*)([A-Za-z]\w*)(\s*=\s*)(\S(?:.*\S)?)\s*$/.exec(item);
    if (!match) throw caseError(text, at, `NAME=VALUE is missing here, as in ${EXAMPLE}`);
    const [, space = '', name = '', sign = '', value = ''] = match;
    if (values.has(name)) throw caseError(text, at + space.length, `${name} is given twice`);
    values.set(name, { text: value, at: at + space.length + name.length + sign.length });
    at += item.length + 1;
  }
  return { text, values };
}

/**
 * The values of a name that stands for numbers: `64`, or a range `64..1024*2` (each twice the one before), `64..512+64`, or
 * `64..1024`, which doubles.
 */
export function rangeOf(text: string, { text: value, at }: CaseValue): number[] {
  const match = /^(\d+)(?:\s*\.\.\s*(\d+)(?:\s*([*+])\s*(\d+))?)?$/.exec(value);
  if (!match)
    throw caseError(text, at, `"${value}" is neither a whole number nor a range like 64..1024*2 or 64..512+64`);
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  const [sign, step] = [match[3] ?? '*', Number(match[4] ?? 2)];
  if (first < 1 || last < first || !Number.isSafeInteger(last))
    throw caseError(text, at, `a range must rise from a number of at least 1, got ${value}`);
  if (step < (sign === '*' ? 2 : 1)) throw caseError(text, at, `a range must rise in every step, got ${sign}${step}`);
  const found: number[] = [];
  for (let v = first; v <= last; v = sign === '*' ? v * step : v + step) {
    found.push(v);
    if (found.length > MAX_VALUES) throw caseError(text, at, `the range ${value} has more than ${MAX_VALUES} values`);
  }
  return found;
}

/** The whole numbers of a list such as `4x32x32xC`, where names stand for numbers; `undefined` if it is no such list. */
export function numbersOf(text: string, numbers: Readonly<Record<string, number>>): number[] | undefined {
  const items = itemsOf(text).map((item) => (/^\d+$/.test(item) ? Number(item) : numbers[item]));
  return items.every((n) => n !== undefined && Number.isSafeInteger(n)) ? (items as number[]) : undefined;
}

/** The numbers and names of a list: a name begins with a letter other than x, which separates. */
export const itemsOf = (text: string): string[] => text.split(/\s*[x×]\s*/);
