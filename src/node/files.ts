import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { parseJson } from '../data/json.js';
import { decodeText, MOST_BYTES } from '../data/text.js';
import { UsageError } from '../gpu/errors.js';
import { PERSON, parseSkeleton, type Skeleton } from '../pose/skeleton.js';

let serial = 0;

/**
 * Writes a file so that it is there whole or not at all, a crash or power cut included: to a temporary name beside it,
 * synced, then renamed. Missing folders are made. `sync: false` leaves the syncing out, for what can be made again;
 * `mode` are its permissions.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string, { sync = true, mode = 0o666 } = {}): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}-${serial++}.tmp`;
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

/** The bytes of a file, at most `most` of them; `UsageError` that names it, and what it is for, when it cannot be read. */
export function readBytes(path: string, what = 'file', most?: number): Uint8Array {
  try {
    return most === undefined ? readFileSync(path) : readAtMost(path, most);
  } catch (error) {
    throw new UsageError(`cannot read the ${what} ${path}: ${(error as Error).message}`);
  }
}

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
export function readText(path: string, what = 'file', most = MOST_BYTES.text): string {
  return decodeText(readBytes(path, what, most + 1), path, what, most);
}

/** A JSON file that somebody brings; errors as in `readText` and `parseJson`. */
export function readJson(path: string, what = 'file', refusal = `the ${what} ${path} is not JSON`): unknown {
  return parseJson(readText(path, what), path, refusal);
}

/** The text of a table; errors as in `readText`. */
export function readTable(path: string, what: string): string {
  return readText(path, what, MOST_BYTES.table);
}

/** A skeleton file, or the person when there is none. */
export function readSkeleton(path: string | undefined): Skeleton {
  return path === undefined ? PERSON : parseSkeleton(readJson(path, 'skeleton'), path);
}
