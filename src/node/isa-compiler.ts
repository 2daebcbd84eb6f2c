import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import { buildShim, findRadv, radvEnvironment } from './radv.js';
import { trying } from './system-errors.js';
import { workerFile } from './worker-pool.js';

/** What the process says besides the messages about its work. */
export type IsaSign =
  /** Its device is there, so its files can be removed. */
  | { readonly kind: 'begun' }
  /** The compiler begins with this kernel. */
  | { readonly kind: 'compiling'; readonly name: string }
  | { readonly kind: 'failed'; readonly usage: boolean; readonly message: string }
  | { readonly kind: 'done' };

/** A message about the work. */
export interface IsaResult<T> {
  readonly kind: 'result';
  readonly result: T;
}

export interface IsaJob<T> {
  /** The name of the GPU. */
  readonly isa: string;
  /** What the process is to compile. */
  readonly request: unknown;
  /** The longest time that the compiler may take for one kernel, in milliseconds. */
  readonly limitMs: number;
  onResult(result: T): void;
}

/** Names of GPUs for messages. */
const EXAMPLES = 'navi31 (RDNA 3), navi21 (RDNA 2), navi10 (RDNA 1), vega10 (GCN 5), polaris10 (GCN 4), mi200 (CDNA 2)';
/** The limits for the process's start with its device, and for the choice of the kernels. */
const START_MS = 120_000;
/** The longest time of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;

/**
 * Runs `dist/isa-worker.js` as a process whose environment makes RADV the GPU `isa`, and hands on what it sends. Its standard
 * error, in which the driver writes, is a file that it can read. The process and its files are gone when this returns, when it
 * throws, and when a signal ends this process. Throws `UsageError` for a machine without the parts or an unknown GPU, and
 * `PoseGanError` if the compiler crashes or takes too long.
 */
export async function compileOn<T>(job: IsaJob<T>): Promise<void> {
  const asked = `--isa ${job.isa}`;
  if (!/^[a-z]\w*$/i.test(job.isa)) throw new UsageError(`--isa must name GPUs, such as ${EXAMPLES}; got "${job.isa}"`);
  const manifest = findRadv(asked);
  const file = workerFile({ file: 'isa-worker', task: 'compiling for a GPU' });
  const folder = trying(`make a folder in ${tmpdir()}`, () => mkdtempSync(join(tmpdir(), 'pose-gan-isa-')));
  let child: ChildProcess | undefined;
  const clean = () => {
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  const onSignal = (signal: NodeJS.Signals) => {
    clean();
    for (const name of SIGNALS) process.off(name, onSignal);
    process.kill(process.pid, signal);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  process.on('exit', clean);
  let log: number | undefined;
  try {
    const shim = buildShim(asked, folder);
    log = openSync(join(folder, 'log'), 'a+', 0o600);
    const env = radvEnvironment(job.isa.toLowerCase(), manifest, shim);
    child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'ignore', log, 'ipc'] });
    // A process that has ended cannot take it, and says so by its exit code.
    child.send({ isa: job.isa, request: job.request }, () => {});
    await new Run(job, child, log, () => rmSync(folder, { recursive: true, force: true })).ended;
  } finally {
    clean();
    if (log !== undefined) closeSync(log);
    process.off('exit', clean);
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

/** One process from its start to its end. */
class Run<T> {
  readonly ended: Promise<void>;
  #at = 'the start of its device';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(
    private readonly job: IsaJob<T>,
    child: ChildProcess,
    private readonly log: number,
    onBegun: () => void,
  ) {
    this.ended = new Promise<void>((resolve, reject) => {
      this.#wait(START_MS, reject);
      child.on('message', (message: IsaSign | IsaResult<T>) => {
        if (this.#isOver) return;
        if (message.kind === 'begun') {
          onBegun();
          this.#at = 'the choice of kernels';
        } else if (message.kind === 'compiling') this.#at = message.name;
        else if (message.kind === 'result') job.onResult(message.result);
        else if (message.kind === 'done') return resolve();
        else return reject(new (message.usage ? UsageError : PoseGanError)(message.message));
        if (message.kind === 'begun') this.#wait(START_MS, reject);
        else this.#wait(job.limitMs, reject, ' --timeout SECONDS allows more.');
      });
      child.on('error', (error) => {
        const what = `--isa ${job.isa}: the process of the compiler did not start`;
        if (child.pid === undefined) reject(new PoseGanError(`${what}: ${error.message}`));
      });
      // Its last messages can arrive after the news that it has ended, but not after the end of the channel.
      const channel = new Promise((closed) => child.once('disconnect', closed));
      child.on('exit', (code, signal) => {
        void channel.then(() => {
          if (!this.#isOver) reject(this.#crash(signal ?? `exit code ${code}`));
        });
      });
    }).finally(() => {
      this.#isOver = true;
      clearTimeout(this.#timer);
    });
  }

  #wait(ms: number, reject: (error: Error) => void, advice = ''): void {
    clearTimeout(this.#timer);
    const late = () => {
      const what = `--isa ${this.job.isa}: the compiler did not finish ${this.#at} in ${ms / 1000} s.`;
      reject(new PoseGanError(what + advice));
    };
    this.#timer = setTimeout(late, Math.min(ms, MAX_TIMER_MS));
  }

  /** The error for a process that ended by itself: an unknown GPU, or a crash of the compiler. */
  #crash(how: string): Error {
    const { isa } = this.job;
    const lines = tailOf(this.log)
      .split('\n')
      .filter((line) => line.trim());
    if (lines.some((line) => /unknown family/i.test(line)))
      return new UsageError(
        `--isa ${isa}: RADV knows no GPU of this name. Give one that it knows, such as ${EXAMPLES}.`,
      );
    const last = lines.at(-1)?.slice(0, 300);
    return new PoseGanError(
      `--isa ${isa}: the process of the compiler ended by ${how} at ${this.#at}${last ? `; its last line is "${last}"` : ''}.`,
    );
  }
}

/** The end of a file. */
function tailOf(file: number): string {
  const { size } = fstatSync(file);
  const bytes = new Uint8Array(Math.min(size, 4096));
  readSync(file, bytes, 0, bytes.length, size - bytes.length);
  return new TextDecoder().decode(bytes);
}
