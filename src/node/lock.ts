import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import { makeFolder } from './files.js';
import { processStart } from './processes.js';
import { systemCode, systemError, WRITING } from './system-errors.js';
import { temporaryBeside } from './temporary.js';

/** Who holds a lock. */
interface Holder {
  /** Different for every lock that was ever taken. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Tells the process from later ones with the same id. */
  readonly process: string;
  /** When the lock was taken. */
  readonly since: string;
}

/** The file of a lock that is held is not there any more, and perhaps its folder. */
export class LockRemovedError extends PoseGanError {
  override readonly name = 'LockRemovedError';
}

/** A lock that this process holds. */
export interface Lock {
  /** Throws a `UsageError` when another process has taken the lock over, a `LockRemovedError` when its file was removed. */
  check(): void;
  release(): void;
}

/** How often a holder shows other hosts that it lives. */
const BEAT_MS = 30_000;
/** A holder on another host that showed nothing for so long has ended: its process cannot be asked for from here. */
const SILENT_MS = 10 * 60_000;
/** How long a lock may be empty, where the file system cannot make it with its content at once. */
const EMPTY_MS = 2000;

const held = new Map<string, Holder>();
/** Locks go with the process, however it ends, unless it is killed. */
function releaseAll(): void {
  for (const [path, holder] of held) remove(path, holder);
}

/**
 * Takes the lock file at `path` for `what`, as in `a run in out`. A lock whose process has ended is taken over; one that is
 * held is a `UsageError` that says by whom, and what to do.
 */
export function lock(path: string, what: string): Lock {
  makeFolder(dirname(path));
  const holder = take(path, what);
  if (!held.size) process.once('exit', releaseAll);
  held.set(path, holder);
  const beat = setInterval(() => touch(path), BEAT_MS);
  beat.unref();
  return {
    check: () => {
      const now = read(path);
      if (!now) throw new LockRemovedError(`${path}, which shows that ${what} is under way, was removed.`);
      if (now.id !== holder.id)
        throw new UsageError(
          `${what} was taken over by process ${now.pid} on ${now.host} at ${now.since}; this one ends without saving there`,
        );
    },
    release: () => {
      clearInterval(beat);
      if (held.delete(path)) remove(path, holder);
      if (!held.size) process.off('exit', releaseAll);
    },
  };
}

/** Throws as `lock` does when somebody holds the lock, and takes it not. */
export function expectUnlocked(path: string, what: string): void {
  const other = read(path);
  if (other && lives(other, path)) throw heldBy(other, path, what);
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The next save tells what is wrong with the folder.
  }
}

function remove(path: string, { id }: Holder): void {
  try {
    if (read(path)?.id === id) rmSync(path, { force: true });
  } catch {
    // Nobody waits for it: the process that it names has ended.
  }
}

/**
 * A stale lock may be replaced by whoever holds the lock on taking over that very lock, whose name carries its id. Two that find
 * the same stale lock therefore never both get it: the second sees, when it holds that, another lock in place.
 */
function take(path: string, what: string): Holder {
  for (;;) {
    const mine = me();
    if (create(path, mine)) return mine;
    const other = read(path);
    if (!other) continue;
    if (lives(other, path)) throw heldBy(other, path, what);
    const over = `${path}.${other.id}`;
    const right = take(over, what);
    try {
      if (read(path)?.id !== other.id) continue;
      const temporary = temporaryBeside(path);
      writeFileSync(temporary, contentOf(mine));
      renameSync(temporary, path);
      return mine;
    } finally {
      remove(over, right);
    }
  }
}

function me(): Holder {
  const start = processStart(process.pid);
  return {
    id: randomUUID(),
    host: hostname(),
    pid: process.pid,
    process: typeof start === 'object' ? start.token : '',
    since: new Date().toISOString(),
  };
}

const contentOf = (holder: Holder) => `${JSON.stringify(holder, null, 1)}\n`;

/** Makes the file with its content at once, unless there is one. */
function create(path: string, holder: Holder): boolean {
  const temporary = temporaryBeside(path);
  try {
    writeFileSync(temporary, contentOf(holder), { flag: 'wx' });
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') throw error;
      // A file system without hard links.
      writeFileSync(path, contentOf(holder), { flag: 'wx' });
    }
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw systemError(error, `write ${path}`, WRITING);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Who holds the lock; nothing when there is none. */
function read(path: string): Holder | undefined {
  for (const began = Date.now(); ; ) {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
      throw systemError(error, `read the lock ${path}`);
    }
    const holder = holderIn(text);
    if (holder) return holder;
    if (Date.now() - began > EMPTY_MS)
      throw new UsageError(`${path} should say who works there and does not; remove it when nobody does`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const { id, host, pid, process, since } = JSON.parse(text) as Partial<Holder>;
    // The id becomes part of a file's name.
    if (!/^[\w-]{1,64}$/.test(id ?? '') || !Number.isSafeInteger(pid)) return undefined;
    return { id: String(id), host: String(host), pid: Number(pid), process: String(process), since: String(since) };
  } catch {
    return undefined;
  }
}

/** Whether the process that holds a lock still runs. */
function lives(holder: Holder, path: string): boolean {
  if (holder.host !== hostname()) return silence(path) < SILENT_MS;
  const start = processStart(holder.pid);
  if (start === undefined || start === 'unknown') return start === 'unknown';
  return !holder.process || start.token === holder.process;
}

/** Milliseconds since the holder last touched its lock, by the clock of the file system, which may be another machine's. */
function silence(path: string): number {
  const temporary = temporaryBeside(path);
  try {
    writeFileSync(temporary, '');
    const [now, last] = [temporary, path].map((p) => statSync(p, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return (now as number) - (last as number);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function heldBy({ host, pid, since }: Holder, path: string, what: string): UsageError {
  const here = host === hostname();
  const wait = here
    ? 'Wait until it has ended, end it, or name another folder.'
    : `Wait until it has ended, or name another folder. If that machine is gone, remove ${path}; without a sign of life the lock ends after ten minutes.`;
  return new UsageError(`${what} is under way: process ${pid} on ${host}, since ${since}. ${wait}`);
}
