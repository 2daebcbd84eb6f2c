import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** When a process began. Process ids are reused, so an id alone does not identify a process. */
export interface ProcessStart {
  /** Is different for every process that has this id on this machine. */
  readonly token: string;
  /** The time in milliseconds since 1970, to within two seconds. */
  readonly at: number;
}

/** The ticks per second in which Linux counts a process's start, on every architecture. */
const TICKS = 100;

/**
 * When the process `pid` of this machine began. `undefined` if there is no such process, or if it has ended but its parent has not
 * collected its exit code yet. `unknown` if the process exists but the system does not say when it began.
 */
export function processStart(pid: number): ProcessStart | 'unknown' | undefined {
  if (process.platform === 'linux') return linuxStart(pid);
  if (!runs(pid)) return undefined;
  return process.platform === 'win32' ? 'unknown' : posixStart(pid);
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM means that the process belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function linuxStart(pid: number): ProcessStart | 'unknown' | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return runs(pid) ? 'unknown' : undefined;
  }
  // The second field is the program's name in parentheses, which may contain anything.
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if ('ZX'.includes(state)) return undefined;
  const ticks = Number(fields[18]);
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const booted = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
  return { token: `${boot} ${ticks}`, at: 1000 * (booted + ticks / TICKS) };
}

function posixStart(pid: number): ProcessStart | 'unknown' {
  try {
    const env = { ...process.env, LC_ALL: 'C' };
    const token = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env }).trim();
    const at = Date.parse(token);
    return Number.isNaN(at) ? 'unknown' : { token, at };
  } catch {
    return 'unknown';
  }
}
