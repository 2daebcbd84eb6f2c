import {
  appendFileSync,
  closeSync,
  cpSync,
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

/** Runs `body`, which writes, with typed errors (see `trying`). */
const writing = <T>(what: string, body: () => T): T => trying(`write ${what}`, body, WRITING);

export interface WriteOptions {
  /** Whether the file is synced to the disk before this returns (default). Use false for files that can be made again. */
  readonly sync?: boolean;
  /** The permissions of the file. */
  readonly mode?: number;
  /** Whether the target of a symbolic link at the path is written (default), or the link is replaced. */
  readonly followLink?: boolean;
}

/**
 * Writes a file so that it is complete or absent, even after a crash or power cut. It is written to a temporary file
 * beside it, synced, and renamed. Missing folders are made. Pipes and devices are written directly. An error of the
 * operating system names the file and what to do.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string, options: WriteOptions = {}): void {
  writing(path, () => {
    const before = options.followLink === false ? undefined : statSync(path, { throwIfNoEntry: false });
    if (before && isSpecial(before)) writeFileSync(path, content);
    else replaceFile(before?.isFile() ? realpathSync(path) : path, content, options);
  });
}

/** Whether a path is neither a file nor a folder, such as `/dev/null`, a terminal or a pipe. Renaming would replace it by a file. */
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

/** Syncs a file to the disk. */
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
 * Makes a folder and its missing parents, and returns the topmost folder that was made. Node's own `recursive` never ends
 * where the system makes no folder, as below `/proc`.
 */
export function makeFolders(path: string, mode?: number): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const parent = dirname(path);
  const top = parent === path ? undefined : makeFolders(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
    return top;
  }
  return top ?? path;
}

/** Makes a folder and its missing parents. */
export function makeFolder(path: string): void {
  trying(`make the folder ${path}`, () => makeFolders(path), WRITING);
}

/** Copies a folder to a path where nothing is. The copy appears there only when it is complete. */
export function copyFolder(from: string, to: string): void {
  const temporary = temporaryBeside(to);
  makeFolder(dirname(to));
  trying(
    `copy ${from} to ${to}`,
    () => {
      try {
        cpSync(from, temporary, { recursive: true, errorOnExist: true, force: false });
        renameSync(temporary, to);
      } finally {
        rmSync(temporary, { recursive: true, force: true });
      }
    },
    WRITING,
  );
}

/** Removes a file, if there is one. */
export function removeFile(path: string): void {
  trying(`remove ${path}`, () => rmSync(path, { force: true }));
}

/** The stats of a path, or `undefined` if there is nothing. */
export function statOf(path: string): Stats | undefined {
  return trying(`use ${path}`, () => statSync(path, { throwIfNoEntry: false }));
}

/** Whether a file or folder exists. */
export const isThere = (path: string): boolean => statOf(path) !== undefined;

/** The path of a file without symbolic links, by which two names of it are known as one; `undefined` for a device or a pipe. */
export function realPath(path: string): string | undefined {
  const found = statOf(path);
  if (found && isSpecial(found)) return undefined;
  return found ? trying(`use ${path}`, () => realpathSync(path)) : resolve(path);
}

/** The names in a folder, in order. */
export function namesIn(folder: string): string[] {
  return trying(`read the folder ${folder}`, () => readdirSync(folder)).sort();
}

/**
 * Checks, before long work, that a file, or files in a folder, can be written. It makes missing folders and a temporary file, and
 * removes them again. An error says why writing is impossible, and names the path as `called`.
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

/** Syncs a folder, so that a rename in it is on the disk. Some systems cannot open folders, where this does nothing. */
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

/** Removes a folder and its parents up to `last`, but not folders that are no longer empty. */
function removeEmpty(folder: string, last: string): void {
  try {
    for (let at = folder; at.length >= last.length; at = dirname(at)) rmdirSync(at);
  } catch {}
}

/** The largest number of bytes that are read from a device or a pipe, whose size is unknown. */
const MAX_STREAM_BYTES = 256e6;

/** The bytes of a file, or at most the first `most` of them. An error names the file, its purpose, and what to do. */
export function readBytes(path: string, what = 'file', most?: number): Uint8Array {
  return trying(`read the ${what} ${path}`, () => {
    if (most !== undefined) return readAtMost(path, most);
    if (!isEndless(statSync(path))) return readFileSync(path);
    const bytes = readAtMost(path, MAX_STREAM_BYTES + 1);
    if (bytes.length > MAX_STREAM_BYTES)
      throw new UsageError(
        `the ${what} ${path} is not a regular file and has more than ${MAX_STREAM_BYTES / 1e6} MB; save it as a file first`,
      );
    return bytes;
  });
}

const isEndless = (stats: Stats) => stats.isCharacterDevice() || stats.isFIFO() || stats.isSocket();

/** At most the first `max` bytes of a file, because a device or a pipe may be endless. */
function readAtMost(path: string, max: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const parts: Uint8Array[] = [];
    for (let left = max; left > 0; ) {
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

/** The text of a user's UTF-8 file, with the errors of `readBytes` and `decodeText`. */
export function readText(path: string, what = 'file', max = MAX_BYTES.text): string {
  return decodeText(readBytes(path, what, max + 1), path, what, max);
}

/** The content of a user's JSON file, with the errors of `readText` and `parseJson`. */
export function readJson(path: string, what = 'file', refusal = `the ${what} ${path} is not JSON`): unknown {
  return parseJson(readText(path, what), path, refusal);
}

/** The text of a table, with the errors of `readText`. */
export function readTable(path: string, what: string): string {
  return readText(path, what, MAX_BYTES.table);
}

/** The skeleton of a file, or the person without a path. */
export function readSkeleton(path: string | undefined): Skeleton {
  return path === undefined ? PERSON : parseSkeleton(readJson(path, 'skeleton'), path);
}
