import type { narrator } from './terminal.js';

/** Signals that ask a run to end, and the exit code of a process that one has ended: 128 and the signal's number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof SIGNALS;

export interface Interruption {
  /** Aborted by the first signal, for work that saves what it has. */
  readonly signal: AbortSignal;
  /** The exit code of a command that a signal has ended; nothing when none came. */
  code(): number | undefined;
  /** Signals end the process at once again. */
  release(): void;
}

/** Catches Ctrl-C (SIGINT), SIGTERM and a closed terminal (SIGHUP). A second signal ends the process at once. */
export function interruption(tell: ReturnType<typeof narrator>): Interruption {
  const controller = new AbortController();
  let first: Signal | undefined;
  const stop = (name: Signal) => {
    if (first) process.exit(SIGNALS[name]);
    first = name;
    const how = name === 'SIGINT' ? 'press Ctrl-C again' : 'send it again';
    tell(`${name}: stopping after this iteration; the run will be saved (${how} to stop at once)`);
    controller.abort();
  };
  const names = Object.keys(SIGNALS) as Signal[];
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    code: () => first && SIGNALS[first],
    release: () => {
      for (const name of names) process.off(name, stop);
    },
  };
}
