import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processStart } from './processes.js';

/**
 * The names of files that are being written. The number is the writer's process id. In a container it may be the same after every
 * start, so a random part distinguishes the files of two writers.
 */
const TEMPORARY = /^\.pose-gan-(\d+)-[0-9a-f]{16}\.tmp$/;
/** Version 0.1 used the names `NAME.PID-COUNT.tmp`. */
const OLD_TEMPORARY = /^(?:checkpoint-\d+.*|sample-\d+\.png|log\.jsonl|(?:options|tuning)\.json)\.(\d+)-\d+\.tmp$/;

/** A path beside `path` that no other writer uses. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.pose-gan-${process.pid}-${randomBytes(8).toString('hex')}.tmp`);
}

/** The largest error of the start of another process. */
const COARSE_MS = 2000;

/**
 * Removes this library's temporary files that killed writers have left in a folder. Files of running processes stay, unless the process
 * is younger than the file, in which case it only has the same id.
 */
export function removeLeftovers(folder: string): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) {
    const pid = (TEMPORARY.exec(name) ?? OLD_TEMPORARY.exec(name))?.[1];
    const path = join(folder, name);
    if (pid === undefined || isWriting(Number(pid), path)) continue;
    try {
      rmSync(path, { force: true });
    } catch {
      // A file that cannot be removed only takes space.
    }
  }
}

function isWriting(pid: number, path: string): boolean {
  const start = processStart(pid);
  if (start === undefined || start === 'unknown') return start === 'unknown';
  const began = pid === process.pid ? Date.now() - 1000 * process.uptime() : start.at - COARSE_MS;
  return (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= began;
}
