import { UsageError } from '../gpu/errors.js';
import { expectWritable } from '../node/files.js';
import type { Values } from './command.js';

/** The files that options come from which are not of the command line. */
const files = new WeakMap<Values, Map<string, string>>();

/** Notes that an option comes from a file, for errors. */
export function fromFile(values: Values, name: string, file: string): void {
  files.set(values, (files.get(values) ?? new Map<string, string>()).set(name, file));
}

/** The file that an option comes from; nothing when it is of the command line. */
export const fileOf = (values: Values, name: string) => files.get(values)?.get(name);

/** An option as errors name it. */
function called(values: Values, name: string): string {
  const file = fileOf(values, name);
  return file === undefined ? `--${name}` : `"${name}" in ${file}`;
}

/** The text of an option, if it was given. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** The text of an option that must be given. */
export function required(values: Values, name: string): string {
  const value = text(values, name);
  if (!value) throw new UsageError(`--${name} is needed; see --help`);
  return value;
}

/** The path of an option that a command writes to, if it was given; checked before any work is done. */
export function output(values: Values, name: string, kind: 'file' | 'folder'): string | undefined {
  const path = text(values, name);
  if (path) expectWritable(path, kind, `--${name} ${path}`);
  return path;
}

/** The path of an option that a command writes to and that must be given; checked before any work is done. */
export function requiredOutput(values: Values, name: string, kind: 'file' | 'folder'): string {
  required(values, name);
  return output(values, name, kind) as string;
}

/** An option that is a whole number of at least `least`. */
export function whole(values: Values, name: string, fallback: number, least = 0): number {
  const given = text(values, name);
  if (given === undefined) return fallback;
  const value = Number(given);
  if (!/^\d+$/.test(given) || !Number.isSafeInteger(value) || value < least)
    throw new UsageError(`${called(values, name)} must be a whole number of at least ${least}, got "${given}"`);
  return value;
}

/** An option that is a positive number. */
export function positive(values: Values, name: string, fallback: number): number {
  const given = text(values, name);
  const value = given === undefined ? fallback : Number(given);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new UsageError(`${called(values, name)} must be a positive number, got "${given}"`);
  return value;
}

/** An image size given as HEIGHTxWIDTH. */
export function imageSize(values: Values, name: string, fallback: [number, number]): [height: number, width: number] {
  const given = text(values, name);
  if (given === undefined) return fallback;
  const match = /^(\d+)[x×](\d+)$/.exec(given);
  const [height, width] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || height < 16 || width < 16 || height > 2048 || width > 2048)
    throw new UsageError(`--${name} must be HEIGHTxWIDTH, each 16 to 2048, as in 128x64; got "${given}"`);
  return [height, width];
}

/** Refuses words that a command does not take. */
export function noMore(positionals: readonly string[]): void {
  if (positionals.length) throw new UsageError(`"${positionals[0]}" is one word too many; see --help`);
}
