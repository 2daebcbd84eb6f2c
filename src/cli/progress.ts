import { printable } from '../data/printable.js';

/** A line on stderr that tells how far a long job is. */
export interface Progress {
  /** `done` of the total is done; `note` is shown behind. */
  update(done: number, note?: string): void;
  /** Removes the line. */
  end(): void;
}

export interface ProgressOptions {
  /** What is counted, as in `images`. */
  readonly unit?: string;
  /** Where the count begins, so that a resumed job does not show too high a rate. */
  readonly from?: number;
  readonly stream?: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  /** Milliseconds; a test gives its own clock. */
  readonly now?: () => number;
}

/** Jobs shorter than this show nothing. */
const QUIET_MS = 2000;
const REDRAW_MS = 100;
const BAR = 24;

/** Shows a bar, the rate and the time left, once the job has run for two seconds and only where a person looks. */
export function progress(label: string, total: number, options: ProgressOptions = {}): Progress {
  const { unit = '', from = 0, stream = process.stderr, now = () => performance.now() } = options;
  const start = now();
  let last = start + QUIET_MS - REDRAW_MS;
  let shown = false;
  return {
    update(done, note = '') {
      const time = now();
      if (!stream.isTTY || time - last < REDRAW_MS) return;
      last = time;
      shown = true;
      const rate = ((done - from) * 1000) / (time - start);
      const filled = Math.round((BAR * Math.min(done, total)) / Math.max(1, total));
      const left = rate > 0 ? duration((total - done) / rate) : '?';
      const speed = `${rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2)}${unit && ` ${unit}`}/s`;
      const line = `${label} ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${done}/${total}  ${speed}  ${left} left`;
      stream.write(`\r\x1b[K${printable(`${line}${note && `  ${note}`}`).slice(0, (stream.columns ?? 120) - 1)}`);
    },
    end() {
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
