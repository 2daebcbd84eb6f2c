import { UsageError } from '../gpu/errors.js';
import type { Point } from '../pose/affine.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { nameProblem } from './file-name.js';
import { describe, shorten } from './json.js';
import { withoutZeros } from './pose-json.js';

const HEADER = 'name:keypoints_y:keypoints_x';
/** The largest number of characters of a coordinate with its separator. */
const MAX_CHARACTERS = 32;

/** Called with the error of a row that cannot be used. Without it, the first such error is thrown. */
export type OnBadRow = (error: UsageError) => void;

export interface AnnotationOptions {
  /** Called for every malformed row instead of throwing. The row is skipped. */
  readonly onBad?: OnBadRow;
  /** Called with notes on how the table was interpreted. */
  readonly onNote?: (text: string) => void;
}

/** A line of a table that is not empty, and its number as an editor shows it. The header is row 1. */
export interface Row {
  readonly row: number;
  readonly line: string;
}

/** Generates the rows of a table one by one, since a table may have millions. Any system's line ends are accepted. */
function* rowsOf(text: string): Generator<Row> {
  const end = text.includes('\n') ? '\n' : '\r';
  let row = 0;
  for (let from = text.startsWith('\uFEFF') ? 1 : 0; from < text.length; ) {
    const next = text.indexOf(end, from);
    const to = next < 0 ? text.length : next;
    const line = text.slice(from, to).trim();
    row++;
    if (line) yield { row, line };
    from = to + 1;
  }
}

/** Checks the header of a table and generates its other rows. */
export function* bodyOf(text: string, file: string, header: string): Generator<Row> {
  let first = true;
  for (const { row, line } of rowsOf(text)) {
    if (!first) yield { row, line };
    // Quotation marks around the names of columns do not matter.
    else if (shorten(line).replace(/[\s"]/g, '') !== header)
      throw new UsageError(`${file}, row ${row}: the header must be ${header}, found ${shorten(line)}`);
    first = false;
  }
  if (first) throw new UsageError(`${file} is empty; its first row must be ${header}`);
}

/** Reading a row ends after this many fields, more than any table has. */
const MAX_FIELDS = 64;

/** The fields of a row without surrounding blanks and without the quotation marks that spreadsheets add. */
export function fields(line: string, separator: string): string[] {
  const found: string[] = [];
  for (let at = 0; at <= line.length && found.length < MAX_FIELDS; at++) {
    while (line[at] === ' ' || line[at] === '\t') at++;
    if (line[at] === '"') {
      const { value, end } = quoted(line, at, separator);
      found.push(value);
      at = end;
    } else {
      const next = line.indexOf(separator, at);
      const end = next < 0 ? line.length : next;
      found.push(line.slice(at, end).trim());
      at = end;
    }
  }
  return found;
}

/** The field in quotation marks that begins at `from`, and where it ends. A quotation mark inside it is doubled. */
function quoted(line: string, from: number, separator: string): { value: string; end: number } {
  const wrong = () => new UsageError(`its quotation marks do not match: ${shorten(line)}`);
  let close = line.indexOf('"', from + 1);
  while (close >= 0 && line[close + 1] === '"') close = line.indexOf('"', close + 2);
  if (close < 0) throw wrong();
  let end = close + 1;
  while (line[end] === ' ' || line[end] === '\t') end++;
  if (end < line.length && line[end] !== separator) throw wrong();
  return {
    value: line
      .slice(from + 1, close)
      .replaceAll('""', '"')
      .trim(),
    end,
  };
}

/** A name as a field of a table, in quotation marks if it would otherwise be read as something else. */
export function fieldOf(name: string): string {
  return /[",:]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

/** Returns a name from a table if it can be the name of a file in the dataset's folder. Throws `UsageError` otherwise. */
export function checkName(name: string): string {
  const problem = nameProblem(name);
  if (problem) throw new UsageError(problem);
  return name;
}

/**
 * Reads an annotation table (spec §1). The separator is `:` and the header `name:keypoints_y:keypoints_x`. Each row is
 * `NAME: [y…]: [x…]` with as many integers as the skeleton has joints; −1 in either array is a missing joint. Returns the
 * poses by file name in the order of the file, with joints `[x, y]` in pixels, or null. Images without any joint are
 * included, but they are not valid and hence never paired. Throws `UsageError` with file, row and reason for the first
 * malformed row.
 */
export function parseAnnotations(
  text: string,
  file: string,
  skeleton: Skeleton,
  { onBad, onNote }: AnnotationOptions = {},
): Map<string, Pose> {
  const poses = new Map<string, Pose>();
  const rows = new Map<string, number>();
  const zeros: string[] = [];
  for (const { row, line } of bodyOf(text, file, HEADER)) {
    try {
      const { name, pose } = parseRow(line, skeleton);
      const before = rows.get(name);
      if (before !== undefined) throw new UsageError(`${name} is already in row ${before}`);
      rows.set(name, row);
      const found = withoutZeros(pose);
      if (found !== pose) zeros.push(`row ${row}, ${name}`);
      poses.set(name, found);
    } catch (error) {
      const bad = new UsageError(`${file}, row ${row}: ${(error as Error).message}`);
      if (!onBad) throw bad;
      onBad(bad);
    }
  }
  if (zeros.length)
    onNote?.(
      `${file}: joints at exactly 0, 0 are taken as missing in rows that have several of them ` +
        `(${zeros[0]}${zeros.length > 1 ? ` and ${zeros.length - 1} more` : ''})`,
    );
  return poses;
}

function parseRow(line: string, skeleton: Skeleton): { name: string; pose: Pose } {
  const found = fields(line, ':');
  if (found.length !== 3)
    throw new UsageError(`it must have 3 fields separated by ":", found ${found.length}: ${shorten(line)}`);
  const [name = '', y = '', x = ''] = found;
  if (!name) throw new UsageError(`it has no image name: ${shorten(line)}`);
  checkName(name);
  const ys = coordinates(y, `keypoints_y of ${name}`, skeleton);
  const xs = coordinates(x, `keypoints_x of ${name}`, skeleton);
  return { name, pose: xs.map((px, i) => (px < 0 || (ys[i] as number) < 0 ? null : ([px, ys[i]] as Point))) };
}

function coordinates(text: string, what: string, skeleton: Skeleton): number[] {
  const count = skeleton.joints.length;
  // A longer text cannot be right, and would only fill the memory.
  const values = text.length <= MAX_CHARACTERS * (count + 1) ? arrayOf(text) : undefined;
  if (!values) throw new UsageError(`${what} is not a JSON array: ${shorten(text)}`);
  if (values.length !== count)
    throw new UsageError(`${what} has ${values.length} values, the skeleton "${skeleton.name}" has ${count} joints`);
  const odd = values.findIndex((v) => !Number.isSafeInteger(v) || (v as number) < -1);
  if (odd >= 0)
    throw new UsageError(
      `${what} has ${describe(values[odd])} for ${skeleton.joints[odd]}; integers of 0 or more are possible, or −1 for missing`,
    );
  return values as number[];
}

function arrayOf(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The text of an annotation table. Coordinates are rounded to whole pixels. */
export function formatAnnotations(poses: ReadonlyMap<string, Pose>): string {
  const rows = [...poses].map(([name, pose]) => {
    const list = (k: 0 | 1) => `[${pose.map((p) => (p ? Math.max(0, Math.round(p[k])) : -1)).join(', ')}]`;
    return `${fieldOf(name)}: ${list(1)}: ${list(0)}\n`;
  });
  return `${HEADER}\n${rows.join('')}`;
}

/** The row numbers of the images of an annotation table, for errors. */
export function rowNumbers(text: string): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const { row, line } of rowsOf(text)) {
    try {
      numbers.set(fields(line, ':')[0] ?? '', row);
    } catch {} // This row was skipped.
  }
  return numbers;
}
