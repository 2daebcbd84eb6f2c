import type { logger } from './terminal.js';

/**
 * The signals that ask a run to end, and the exit code of a process that was ended by one: 128 plus the signal's number. Batch systems
 * can send SIGUSR2 some time before they end a job, and mpirun passes it on.
 */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGUSR2: 140, SIGTERM: 143 } as const;
type Signal = keyof typeof SIGNALS;

export interface Interruption {
  /** Is aborted by the first signal, for work that then saves its state. */
  readonly signal: AbortSignal;
  /** The exit code of a command that a signal has ended, or `undefined` if there was no signal. */
  code(): number | undefined;
  /** Removes the handlers, so that signals end the process at once again. */
  release(): void;
}

/** Handles Ctrl-C (SIGINT), SIGTERM, SIGUSR2 and a closed terminal (SIGHUP). A second signal ends the process at once. */
export function interruption(log: ReturnType<typeof logger>): Interruption {
  const controller = new AbortController();
  let first: Signal | undefined;
  const stop = (name: Signal) => {
    if (first) process.exit(SIGNALS[name]);
    first = name;
    const how = name === 'SIGINT' ? 'press Ctrl-C again' : 'send it again';
    log(`${name}: stopping after this iteration; the run will be saved (${how} to stop at once)`);
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
