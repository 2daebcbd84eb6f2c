import { UsageError } from '../gpu/errors.js';
import { scanJson } from './json-scan.js';

/**
 * Parses the JSON of a user's file. Throws a `UsageError` that names the file if it is not JSON, or contains what `JSON.parse`
 * silently accepts (`scanJson`). The message begins with `refusal`.
 */
export function parseJson(text: string, file: string, refusal = `${file} is not JSON`): unknown {
  const body = text.replace(/^\uFEFF/, '');
  const refuse = (why: string) => new UsageError(`${refusal}: ${why}`);
  if (!body.trim()) throw refuse('it is empty');
  try {
    scanJson(body);
    return JSON.parse(body);
  } catch (error) {
    const word = /[[,:]\s*-?(NaN|Infinity)\b/.exec(body)?.[1];
    throw refuse((error as Error).message + (word ? `. JSON has no ${word}; write null for a missing value` : ''));
  }
}

export function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Describes a JSON value of any size and depth in a few words, for errors. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (Array.isArray(value)) {
    const short = value.length <= 4 && value.every((v) => typeof v !== 'object' || v === null);
    return short ? `[${value.map(describe).join(',')}]` : `an array of ${value.length}`;
  }
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined ? 'nothing' : String(value);
}

export type Fields = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns `value` if it is a JSON object that has only `known` fields. Throws a `UsageError` that begins with `where` otherwise. */
export function fieldsOf(value: unknown, where: string, known?: readonly string[]): Fields {
  if (!isObject(value)) throw new UsageError(`${where} must be an object, found ${describe(value)}`);
  const odd = known && Object.keys(value).find((name) => !known.includes(name));
  if (odd !== undefined)
    throw new UsageError(`${where} has the field ${describe(odd)}, which is not known; known are ${known?.join(', ')}`);
  return value;
}
