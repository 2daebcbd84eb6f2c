import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseJson } from '../data/json.js';
import { decodeText, MAX_BYTES } from '../data/text.js';
import { UsageError } from '../gpu/errors.js';
import { PERSON, parseSkeleton, type Skeleton } from '../pose/skeleton.js';
import { trying, WRITING } from './system-errors.js';
import { temporaryBeside } from './temporary.js';

/** `trying` to write. */
const writing = <T>(what: string, body: () => T): T => trying(`write ${what}`, body, WRITING);

export interface WriteOptions {
  /** Whether the file must be on the disk when this returns (default); false for what can be made again. */
  readonly sync?: boolean;
  /** Permissions of the file. */
  readonly mode?: number;
  /** Whether a symbolic link at the path stays and the file that it names is written (default), or the link is replaced. */
  readonly followLink?: boolean;
}

/**
 * Writes a file so that it is there whole or not at all, a crash or power cut included: to a temporary name beside it,
 * synced, then renamed. Missing folders are made. Pipes and devices are written to as they are. An error of the operating
 * system names the file and what to do.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string, options: WriteOptions = {}): void {
  writing(path, () => {
    const before = options.followLink === false ? undefined : statSync(path, { throwIfNoEntry: false });
    if (before && isSpecial(before)) writeFileSync(path, content);
    else replaceFile(before?.isFile() ? realpathSync(path) : path, content, options);
  });
}

/** Neither a file nor a folder: `/dev/null`, a terminal, a pipe. Renaming would put a file in its place. */
const isSpecial = (stat: Stats) => !stat.isFile() && !stat.isDirectory();

function replaceFile(path: string, content: Uint8Array | string, { sync = true, mode = 0o666 }: WriteOptions): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  makeFolders(dirname(path));
  const temporary = temporaryBeside(path);
  const file = openSync(temporary, 'wx', mode);
  try {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      if (sync) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (sync) syncFolder(dirname(path));
}

/** Adds a line to a text file. */
export function appendLine(path: string, line: string): void {
  writing(path, () => appendFileSync(path, `${line}\n`));
}

/** Waits until what was written to a file is on the disk. */
export function syncFile(path: string): void {
  writing(path, () => {
    const file = openSync(path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  });
}

/**
 * Makes a folder and those above it, and returns the topmost that was not there. Node's own `recursive` tries for ever
 * where the system makes none, as below `/proc`.
 */
export function makeFolders(path: string, mode?: number): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const above = dirname(path);
  const top = above === path ? undefined : makeFolders(above, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
    return top;
  }
  return top ?? path;
}

/** Makes a folder, and those above it. */
export function makeFolder(path: string): void {
  trying(`make the folder ${path}`, () => makeFolders(path), WRITING);
}

/** Removes a file, if there is one. */
export function removeFile(path: string): void {
  trying(`remove ${path}`, () => rmSync(path, { force: true }));
}

/** What there is at a path, if anything. */
export function statOf(path: string): Stats | undefined {
  return trying(`use ${path}`, () => statSync(path, { throwIfNoEntry: false }));
}

/** Whether there is a file or folder. */
export const isThere = (path: string): boolean => statOf(path) !== undefined;

/** The names in a folder, in order. */
export function namesIn(folder: string): string[] {
  return trying(`read the folder ${folder}`, () => readdirSync(folder)).sort();
}

/**
 * Checks, before long work, that a file or the files of a folder can be written: makes what is missing on the way to it and a
 * temporary file, and removes both. An error says why it cannot be, and names the path as it is `called`.
 */
export function expectWritable(path: string, kind: 'file' | 'folder', called = path): void {
  const what = kind === 'file' ? called : `to ${called}`;
  const found = writing(what, () => statSync(path, { throwIfNoEntry: false }));
  if (kind === 'file' && found?.isDirectory()) throw new UsageError(`${called} is a folder; name a file to write`);
  if (kind === 'folder' && found && !found.isDirectory())
    throw new UsageError(`${called} is a file; name a folder to write to`);
  if (found && isSpecial(found)) return;
  const folder = resolve(kind === 'file' ? dirname(path) : path);
  writing(what, () => {
    const made = makeFolders(folder);
    try {
      const probe = temporaryBeside(resolve(folder, 'any'));
      closeSync(openSync(probe, 'wx'));
      rmSync(probe);
    } finally {
      if (made !== undefined) removeEmpty(folder, made);
    }
  });
}

/** Makes the rename itself last; some systems cannot open a folder, and there it is left to them. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {}
}

/** Removes a folder and those above it up to `last`; one that somebody has put something in stays. */
function removeEmpty(folder: string, last: string): void {
  try {
    for (let at = folder; at.length >= last.length; at = dirname(at)) rmdirSync(at);
  } catch {}
}

/** Bytes that are read of a device or a pipe, whose size nothing tells. */
const MAX_STREAM_BYTES = 256e6;

/** The bytes of a file, at most `most` of them if that is given. An error names it, what it is for, and what to do. */
export function readBytes(path: string, what = 'file', most?: number): Uint8Array {
  return trying(`read the ${what} ${path}`, () => {
    if (most !== undefined) return readAtMost(path, most);
    if (!isEndless(statSync(path))) return readFileSync(path);
    const bytes = readAtMost(path, MAX_STREAM_BYTES + 1);
    if (bytes.length > MAX_STREAM_BYTES)
      throw new UsageError(
        `the ${what} ${path} is not a regular file and goes on for more than ${MAX_STREAM_BYTES / 1e6} MB; save it as a file first`,
      );
    return bytes;
  });
}

const isEndless = (stats: Stats) => stats.isCharacterDevice() || stats.isFIFO() || stats.isSocket();

/** The bytes of a file, or so many of them; a device or a pipe may have no end. */
function readAtMost(path: string, most: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const parts: Uint8Array[] = [];
    for (let left = most; left > 0; ) {
      const part = new Uint8Array(Math.min(left, 1 << 20));
      const count = readSync(file, part);
      if (!count) break;
      parts.push(part.subarray(0, count));
      left -= count;
    }
    return Buffer.concat(parts);
  } finally {
    closeSync(file);
  }
}

/** A UTF-8 text file that somebody brings; errors as in `readBytes` and `decodeText`. */
export function readText(path: string, what = 'file', most = MAX_BYTES.text): string {
  return decodeText(readBytes(path, what, most + 1), path, what, most);
}

/** A JSON file that somebody brings; errors as in `readText` and `parseJson`. */
export function readJson(path: string, what = 'file', refusal = `the ${what} ${path} is not JSON`): unknown {
  return parseJson(readText(path, what), path, refusal);
}

/** The text of a table; errors as in `readText`. */
export function readTable(path: string, what: string): string {
  return readText(path, what, MAX_BYTES.table);
}

/** A skeleton file, or the person when there is none. */
export function readSkeleton(path: string | undefined): Skeleton {
  return path === undefined ? PERSON : parseSkeleton(readJson(path, 'skeleton'), path);
}
