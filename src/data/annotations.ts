import { UsageError } from '../gpu/errors.js';
import type { Point } from '../pose/affine.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';

const HEADER = 'name:keypoints_y:keypoints_x';

/** What a reader of a table does with a row that it cannot use; without one, the first such row is thrown. */
export type OnBadRow = (error: UsageError) => void;

export interface AnnotationOptions {
  /** Called with every malformed row in place of throwing; the row is left out. */
  readonly onBad?: OnBadRow;
}

/** Non-empty lines with their row numbers as an editor shows them: the header is row 1. */
export function rowsOf(text: string): { row: number; line: string }[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ row: i + 1, line: line.trim() }))
    .filter(({ line }) => line !== '');
}

/** Checks the header of a table and returns its other rows. */
export function bodyOf(text: string, file: string, header: string): { row: number; line: string }[] {
  const [first, ...rest] = rowsOf(text);
  if (!first) throw new UsageError(`${file} is empty; its first row must be ${header}`);
  if (first.line.replace(/\s/g, '') !== header)
    throw new UsageError(`${file}, row ${first.row}: the header must be ${header}, found ${shorten(first.line)}`);
  return rest;
}

export function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/**
 * Reads an annotation table (spec §1): separator `:`, header `name:keypoints_y:keypoints_x`, then `NAME: [y…]: [x…]`
 * with as many integers as the skeleton has joints; −1 in either array is a missing joint. Poses are in pixels, `[x,
 * y]` or null, by file name in the order of the file. Images without any joint are kept (they are not valid, so they
 * are never paired). Throws `UsageError` with file, row and reason for the first malformed row.
 */
export function parseAnnotations(
  text: string,
  file: string,
  skeleton: Skeleton,
  { onBad }: AnnotationOptions = {},
): Map<string, Pose> {
  const poses = new Map<string, Pose>();
  const rows = new Map<string, number>();
  for (const { row, line } of bodyOf(text, file, HEADER)) {
    try {
      const { name, pose } = parseRow(line, skeleton);
      const before = rows.get(name);
      if (before !== undefined) throw new UsageError(`${name} is there already, in row ${before}`);
      rows.set(name, row);
      poses.set(name, pose);
    } catch (error) {
      const bad = new UsageError(`${file}, row ${row}: ${(error as Error).message}`);
      if (!onBad) throw bad;
      onBad(bad);
    }
  }
  return poses;
}

function parseRow(line: string, skeleton: Skeleton): { name: string; pose: Pose } {
  const fields = line.split(':');
  if (fields.length !== 3)
    throw new UsageError(`it must have 3 fields separated by ":", found ${fields.length}: ${shorten(line)}`);
  const [name = '', y = '', x = ''] = fields.map((f) => f.trim());
  if (!name) throw new UsageError(`it has no image name: ${shorten(line)}`);
  const ys = coordinates(y, `keypoints_y of ${name}`, skeleton);
  const xs = coordinates(x, `keypoints_x of ${name}`, skeleton);
  return { name, pose: xs.map((px, i) => (px < 0 || (ys[i] as number) < 0 ? null : ([px, ys[i]] as Point))) };
}

function coordinates(text: string, what: string, skeleton: Skeleton): number[] {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    throw new UsageError(`${what} is no JSON array: ${shorten(text)}`);
  }
  if (!Array.isArray(values)) throw new UsageError(`${what} is no JSON array: ${shorten(text)}`);
  const count = skeleton.joints.length;
  if (values.length !== count)
    throw new UsageError(`${what} has ${values.length} values, the skeleton "${skeleton.name}" has ${count} joints`);
  const odd = values.findIndex((v) => !Number.isSafeInteger(v) || (v as number) < -1);
  if (odd >= 0)
    throw new UsageError(
      `${what} has ${JSON.stringify(values[odd])} for ${skeleton.joints[odd]}; integers of 0 or more are possible, or −1 for missing`,
    );
  return values as number[];
}

/** Writes an annotation table. Coordinates are rounded to whole pixels. */
export function formatAnnotations(poses: ReadonlyMap<string, Pose>): string {
  const rows = [...poses].map(([name, pose]) => {
    const list = (k: 0 | 1) => `[${pose.map((p) => (p ? Math.max(0, Math.round(p[k])) : -1)).join(', ')}]`;
    return `${name}: ${list(1)}: ${list(0)}\n`;
  });
  return `${HEADER}\n${rows.join('')}`;
}

/** Row numbers of all images of an annotation table, for errors. */
export function rowNumbers(text: string): Map<string, number> {
  return new Map(rowsOf(text).map(({ row, line }) => [line.slice(0, line.indexOf(':')).trim(), row]));
}
