import { UsageError } from '../gpu/errors.js';
import { expectWritable } from '../node/files.js';
import type { Values } from './command.js';

/** The files of options that do not come from the command line. */
const files = new WeakMap<Values, Map<string, string>>();

/** Records that an option comes from a file, for errors. */
export function fromFile(values: Values, name: string, file: string): void {
  files.set(values, (files.get(values) ?? new Map<string, string>()).set(name, file));
}

/** The file from which an option comes, or `undefined` if it comes from the command line. */
export const fileOf = (values: Values, name: string) => files.get(values)?.get(name);

/** The name of an option in errors. */
function shownName(values: Values, name: string): string {
  const file = fileOf(values, name);
  return file === undefined ? `--${name}` : `"${name}" in ${file}`;
}

/** The text of an option, if it was given. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** The text of a required option. */
export function required(values: Values, name: string): string {
  const value = text(values, name);
  if (!value) throw new UsageError(`--${name} is needed; see --help`);
  return value;
}

/** The path of an output option, if it was given. Throws `UsageError` if it is not writable, before any work is done. */
export function output(values: Values, name: string, kind: 'file' | 'folder'): string | undefined {
  const path = text(values, name);
  if (path) expectWritable(path, kind, `--${name} ${path}`);
  return path;
}

/** The path of a required output option, which is checked as by `output`. */
export function requiredOutput(values: Values, name: string, kind: 'file' | 'folder'): string {
  required(values, name);
  return output(values, name, kind) as string;
}

/** The value of an option that is a whole number of at least `min`. */
export function whole(values: Values, name: string, fallback: number, min = 0): number {
  const given = text(values, name);
  if (given === undefined) return fallback;
  const value = Number(given);
  if (!/^\d+$/.test(given) || !Number.isSafeInteger(value) || value < min)
    throw new UsageError(`${shownName(values, name)} must be a whole number of at least ${min}, got "${given}"`);
  return value;
}

/** The value of an option that is a positive number. */
export function positive(values: Values, name: string, fallback: number): number {
  const given = text(values, name);
  if (given === undefined) return fallback;
  const value = Number(given);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new UsageError(`${shownName(values, name)} must be a positive number, got "${given}"`);
  return value;
}

/** The value of an option that is an image size HEIGHTxWIDTH. */
export function imageSize(values: Values, name: string, fallback: [number, number]): [height: number, width: number] {
  const given = text(values, name);
  if (given === undefined) return fallback;
  const match = /^(\d+)[x×](\d+)$/.exec(given);
  const [height, width] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || height < 16 || width < 16 || height > 2048 || width > 2048)
    throw new UsageError(`--${name} must be HEIGHTxWIDTH, each 16 to 2048, as in 128x64; got "${given}"`);
  return [height, width];
}

/** Throws `UsageError` if there are words that the command does not take. `values` are its options, for advice. */
export function noMore(positionals: readonly string[], values: Values = {}): void {
  if (positionals.length && values.resume === true && values.out === undefined)
    throw new UsageError(`--resume has no value; name the folder to continue by --out ${positionals[0]}`);
  if (positionals.length) throw new UsageError(`the command does not take "${positionals[0]}"; see --help`);
}
