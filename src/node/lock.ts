import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import { makeFolder } from './files.js';
import { processStart } from './processes.js';
import { systemCode, systemError, WRITING } from './system-errors.js';
import { temporaryBeside } from './temporary.js';

/** The process that holds a lock. */
interface Holder {
  /** Is different every time a lock is taken. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Distinguishes the process from later ones with the same id. */
  readonly process: string;
  /** When the lock was taken. */
  readonly since: string;
}

/** The file of a lock was removed while it was held, perhaps with its folder. */
export class LockRemovedError extends PoseGanError {
  override readonly name = 'LockRemovedError';
}

/** A lock that this process holds. */
export interface Lock {
  /** Throws `UsageError` if another process has taken the lock over, or `LockRemovedError` if its file was removed. */
  check(): void;
  release(): void;
}

/** The interval at which a holder touches its lock, so that other hosts can see that it still runs. */
const HEARTBEAT_MS = 30_000;
/** A lock of another host that was not touched for this long has expired, since its process cannot be checked from here. */
const EXPIRY_MS = 10 * 60_000;
/** How long a lock may be empty on file systems that cannot create it with its content. */
const EMPTY_MS = 2000;

const held = new Map<string, Holder>();
/** Removes the locks of this process when it ends, unless it is killed. */
function releaseAll(): void {
  for (const [path, holder] of held) remove(path, holder);
}

/**
 * Takes the lock file at `path` for `what`, such as `a run in out`. The lock of a process that has ended is taken over. If the lock
 * is held, throws a `UsageError` that says by which process, and what to do.
 */
export function lock(path: string, what: string): Lock {
  makeFolder(dirname(path));
  const holder = take(path, what);
  if (!held.size) process.once('exit', releaseAll);
  held.set(path, holder);
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
  heartbeat.unref();
  return {
    check: () => {
      const now = read(path);
      if (!now) throw new LockRemovedError(`${path}, the lock of ${what}, was removed.`);
      if (now.id !== holder.id)
        throw new UsageError(
          `${what} was taken over by process ${now.pid} on ${now.host} at ${now.since}; this process ends without saving there`,
        );
    },
    release: () => {
      clearInterval(heartbeat);
      if (held.delete(path)) remove(path, holder);
      if (!held.size) process.off('exit', releaseAll);
    },
  };
}

/** Throws as `lock` does if the lock is held, but does not take it. */
export function expectUnlocked(path: string, what: string): void {
  const other = read(path);
  if (other && isAlive(other, path)) throw heldBy(other, path, what);
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The next save reports what is wrong with the folder.
  }
}

function remove(path: string, { id }: Holder): void {
  try {
    if (read(path)?.id === id) rmSync(path, { force: true });
  } catch {
    // A lock that stays is harmless, because the process that it names has ended.
  }
}

/**
 * Takes a lock. To replace a stale lock, a process first takes a second lock, whose name contains the id of the stale one. So of two
 * processes that find the same stale lock only one replaces it: the other, when it gets the second lock, finds a new lock in place.
 */
function take(path: string, what: string): Holder {
  for (;;) {
    const mine = newHolder();
    if (create(path, mine)) return mine;
    const other = read(path);
    if (!other) continue;
    if (isAlive(other, path)) throw heldBy(other, path, what);
    const takeoverPath = `${path}.${other.id}`;
    const takeover = take(takeoverPath, what);
    try {
      if (read(path)?.id !== other.id) continue;
      const temporary = temporaryBeside(path);
      writeFileSync(temporary, contentOf(mine));
      renameSync(temporary, path);
      return mine;
    } finally {
      remove(takeoverPath, takeover);
    }
  }
}

function newHolder(): Holder {
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

/** Creates the file together with its content, and returns false if there is one already. */
function create(path: string, holder: Holder): boolean {
  const temporary = temporaryBeside(path);
  try {
    writeFileSync(temporary, contentOf(holder), { flag: 'wx' });
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') throw error;
      // The file system has no hard links.
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

/** The holder of the lock, or `undefined` if there is no lock. */
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
      throw new UsageError(`the lock ${path} does not name a process; remove it if no process works there`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const { id, host, pid, process, since } = JSON.parse(text) as Partial<Holder>;
    // The id becomes part of a file name.
    if (!/^[\w-]{1,64}$/.test(id ?? '') || !Number.isSafeInteger(pid)) return undefined;
    return { id: String(id), host: String(host), pid: Number(pid), process: String(process), since: String(since) };
  } catch {
    return undefined;
  }
}

/** Whether the process that holds a lock still runs. */
function isAlive(holder: Holder, path: string): boolean {
  if (holder.host !== hostname()) return msSinceTouched(path) < EXPIRY_MS;
  const start = processStart(holder.pid);
  if (start === undefined || start === 'unknown') return start === 'unknown';
  return !holder.process || start.token === holder.process;
}

/** The milliseconds since the holder last touched its lock, by the clock of the file system, which may be another machine's. */
function msSinceTouched(path: string): number {
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
    : `Wait until it has ended, or name another folder. If that machine no longer runs, remove ${path}, or wait ten minutes until the lock expires.`;
  return new UsageError(`${what} is in progress: process ${pid} on ${host}, since ${since}. ${wait}`);
}
