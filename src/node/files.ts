import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
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

/** The bytes of a file; `UsageError` that names it, and what it is for, when it cannot be read. */
export function readBytes(path: string, what = 'file'): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read the ${what} ${path}: ${(error as Error).message}`);
  }
}

/** A UTF-8 text file; errors as in `readBytes`. */
export function readText(path: string, what = 'file'): string {
  return new TextDecoder().decode(readBytes(path, what));
}

/** A skeleton file, or the person when there is none. */
export function readSkeleton(path: string | undefined): Skeleton {
  if (path === undefined) return PERSON;
  let json: unknown;
  try {
    json = JSON.parse(readText(path, 'skeleton'));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`the skeleton ${path} is not JSON: ${(error as Error).message}`);
  }
  return parseSkeleton(json, path);
}
