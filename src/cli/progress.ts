import { printable } from '../data/printable.js';

/** Shows the progress of a long job on stderr, as a bar on a terminal and as lines in a log. */
export interface Progress {
  /** Sets how much of the total is done, and a note that is shown after it. */
  update(done: number, note?: string): void;
  /** Removes the bar, and stops the lines until the next `update`. */
  end(): void;
}

/** Calls `tick` once after `ms` milliseconds, unless the returned function is called before that. */
export type Timer = (tick: () => void, ms: number) => () => void;

export interface ProgressOptions {
  /** The unit of the count, such as `images`. */
  readonly unit?: string;
  /** Whether to show how much of the count is done per second (default: true). Turn it off for a count of seconds. */
  readonly rate?: boolean;
  /** The first count, so that the rate of a resumed job is right. */
  readonly from?: number;
  readonly stream?: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  /** The time in milliseconds. Tests pass their own clock. */
  readonly now?: () => number;
  readonly timer?: Timer;
}

/** A bar appears after this time. */
const QUIET_MS = 2000;
const REDRAW_MS = 100;
/** The interval between the lines in a log, which are written even if there is no progress. */
const LINE_MS = 25_000;
const BAR = 24;

/** A timer that does not keep the process alive. */
const unreferenced: Timer = (tick, ms) => {
  const timer = setTimeout(tick, ms).unref();
  return () => clearTimeout(timer);
};

/** What is shown now. */
const running = new Set<Progress>();

/** Ends what a command shows, so that nothing goes on after an error. */
export function endProgress(): void {
  for (const shown of running) shown.end();
}

/** Shows nothing, for a process beside which another shows the progress. */
export const silent = (..._: Parameters<typeof progress>): Progress => ({ update: () => {}, end: () => {} });

/**
 * Shows how much of a job is done, its rate and the time left. On a terminal this is a bar, which appears after two seconds; elsewhere
 * it is a line at intervals. Without a `total` it shows how long the job has run.
 */
export function progress(label: string, total?: number, options: ProgressOptions = {}): Progress {
  const { unit = '', rate: showsRate = true, from = 0, stream = process.stderr } = options;
  const { now = () => performance.now(), timer = unreferenced } = options;
  const start = now();
  let last = start + (stream.isTTY ? QUIET_MS - REDRAW_MS : 0);
  let shown = false;
  let state = { done: from, note: '' };
  let cancel: (() => void) | undefined;

  const report = (bar: string) => {
    const seconds = (now() - start) / 1000;
    const { done, note } = state;
    const suffix = note && `  ${note}`;
    if (total === undefined) return printable(`${label}: ${duration(seconds)} so far${suffix}`);
    const rate = seconds > 0 ? (done - from) / seconds : 0;
    const left = rate > 0 ? duration((total - done) / rate) : '?';
    const speed = `${rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2)}${unit && ` ${unit}`}/s`;
    const count = `${Math.floor(done)}/${total}`;
    return printable(`${label}${bar} ${count}${showsRate ? `  ${speed}` : ` ${unit}`}  ${left} left${suffix}`);
  };
  const draw = () => {
    const filled = Math.round((BAR * Math.min(state.done, total ?? 0)) / Math.max(1, total ?? 0));
    const bar = total === undefined ? '' : ` ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`;
    stream.write(`\r\x1b[K${report(bar).slice(0, (stream.columns ?? 120) - 1)}`);
    shown = true;
    last = now();
  };
  const line = () => {
    stream.write(`${report(':')}\n`);
    last = now();
  };
  /** Starts a timer that writes a line if no update comes. Work that blocks timers writes lines in its updates. */
  const arm = () => {
    cancel?.();
    cancel = timer(
      () => {
        if (now() - last >= LINE_MS) line();
        arm();
      },
      Math.max(0, last + LINE_MS - now()),
    );
  };
  if (!stream.isTTY) arm();
  const progress: Progress = {
    update(done, note = '') {
      running.add(progress);
      state = { done, note };
      if (!cancel && !stream.isTTY) arm();
      if (now() - last < (stream.isTTY ? REDRAW_MS : LINE_MS)) return;
      if (stream.isTTY) draw();
      else line();
    },
    end() {
      cancel?.();
      cancel = undefined;
      running.delete(progress);
      if (shown) stream.write('\r\x1b[K');
    },
  };
  running.add(progress);
  return progress;
}

/** A number of seconds as `1 h 05 min`, `3 min 20 s` or `12 s`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return s >= 60 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${s} s`;
}
