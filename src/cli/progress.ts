import { printable } from '../data/printable.js';

/** What tells on stderr how far a long job is: a bar for a person, and lines in a log. */
export interface Progress {
  /** `done` of the total is done; `note` is shown behind. */
  update(done: number, note?: string): void;
  /** Removes the bar, and ends the lines until the next `update`. */
  end(): void;
}

/** Calls `tick` once after so many milliseconds, unless the returned function is called before. */
export type Timer = (tick: () => void, ms: number) => () => void;

export interface ProgressOptions {
  /** What is counted, as in `images`. */
  readonly unit?: string;
  /** Where the count begins, so that a resumed job does not show too high a rate. */
  readonly from?: number;
  readonly stream?: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  /** Milliseconds; a test gives its own clock. */
  readonly now?: () => number;
  readonly timer?: Timer;
}

/** Jobs shorter than this show no bar. */
const QUIET_MS = 2000;
const REDRAW_MS = 100;
/** A log gets a line at least so often, whether there is news or not. */
const LINE_MS = 25_000;
const BAR = 24;

/** A timer that does not keep the process alive. */
const unreferenced: Timer = (tick, ms) => {
  const timer = setTimeout(tick, ms).unref();
  return () => clearTimeout(timer);
};

/**
 * Tells how far a job is, how fast it goes and how long it will take: on a terminal as a bar, once the job has run for two
 * seconds, elsewhere as a plain line from time to time. Without a `total` it tells how long the job has run.
 */
export function progress(label: string, total?: number, options: ProgressOptions = {}): Progress {
  const { unit = '', from = 0, stream = process.stderr } = options;
  const { now = () => performance.now(), timer = unreferenced } = options;
  const start = now();
  let last = start + (stream.isTTY ? QUIET_MS - REDRAW_MS : 0);
  let shown = false;
  let state = { done: from, note: '' };
  let cancel: (() => void) | undefined;

  const report = (bar: string) => {
    const seconds = (now() - start) / 1000;
    const { done, note } = state;
    const behind = note && `  ${note}`;
    if (total === undefined) return printable(`${label}: ${duration(seconds)} so far${behind}`);
    const rate = seconds > 0 ? (done - from) / seconds : 0;
    const left = rate > 0 ? duration((total - done) / rate) : '?';
    const speed = `${rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2)}${unit && ` ${unit}`}/s`;
    return printable(`${label}${bar} ${done}/${total}  ${speed}  ${left} left${behind}`);
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
  /** The timer speaks where no update comes; work that blocks it is heard of by its updates. */
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
  return {
    update(done, note = '') {
      state = { done, note };
      if (!cancel && !stream.isTTY) arm();
      if (now() - last < (stream.isTTY ? REDRAW_MS : LINE_MS)) return;
      if (stream.isTTY) draw();
      else line();
    },
    end() {
      cancel?.();
      cancel = undefined;
      if (shown) stream.write('\r\x1b[K');
    },
  };
}

/** Seconds as `1 h 05 min`, `3 min 20 s` or `12 s`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return s >= 60 ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${s} s`;
}
