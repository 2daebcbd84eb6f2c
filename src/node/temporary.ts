import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processStart } from './processes.js';

/**
 * Names of files that are being written. The number is the writer's process id. In a container it may be the same after every
 * start, so that a random part tells the files of two writers apart.
 */
const TEMPORARY = /^\.pose-gan-(\d+)-[0-9a-f]{16}\.tmp$/;
/** Version 0.1 called them `NAME.PID-COUNT.tmp`. */
const OLD_TEMPORARY = /^(?:checkpoint-\d+.*|sample-\d+\.png|log\.jsonl|(?:options|tuning)\.json)\.(\d+)-\d+\.tmp$/;

/** A name beside `path` that no other writer has or had. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.pose-gan-${process.pid}-${randomBytes(8).toString('hex')}.tmp`);
}

/** By how much the start of another process may be told wrongly. */
const COARSE_MS = 2000;

/**
 * Removes what writers that were killed have left in a folder, this library's temporary files alone. One whose process still runs
 * stays, unless that process is younger than the file and only has the same id.
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
      // Whoever may not remove it can do without the space.
    }
  }
}

function isWriting(pid: number, path: string): boolean {
  const start = processStart(pid);
  if (start === undefined || start === 'unknown') return start === 'unknown';
  const began = pid === process.pid ? Date.now() - 1000 * process.uptime() : start.at - COARSE_MS;
  return (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= began;
}
