import { join } from 'node:path';
import type { LogRow } from '../model/iterate.js';
import { isThere, namesIn, readBytes, removeFile, writeFileAtomic } from './files.js';

/** The name of the lock file in a run's folder. */
export const RUN_LOCK = 'run.lock';

/** The name of a sample sheet. The first group is the step. */
const SAMPLE_FILE = /^sample-(\d{8,})\.png$/;

/** The path of an iteration's sample sheet in a run's folder. */
export const samplePath = (step: number) => join('samples', `sample-${String(step).padStart(8, '0')}.png`);

/**
 * Removes the log rows of iterations after `step`, which will be done again. It also removes the row of `step` itself if no row is
 * `due` then, because that is the last row of a run that ended there.
 */
export function trimLog(folder: string, step: number, due: (step: number) => boolean): void {
  const path = join(folder, 'log.jsonl');
  const lines = isThere(path) ? new TextDecoder().decode(readBytes(path, 'log')).split('\n') : [];
  const kept = lines.filter((line) => {
    try {
      const row = JSON.parse(line) as LogRow;
      return row.step < step || (row.step === step && due(step));
    } catch {
      return false; // The line was cut short.
    }
  });
  writeFileAtomic(path, kept.map((line) => `${line}\n`).join(''));
}

/** Removes the sheets of iterations after `step`, and that of `step` if none is `due` then, because it is the sheet of an interruption. */
export function trimSamples(folder: string, step: number, due: (step: number) => boolean): void {
  for (const name of namesIn(join(folder, 'samples'))) {
    const drawn = Number(SAMPLE_FILE.exec(name)?.[1] ?? Number.NaN);
    if (drawn > step || (drawn === step && !due(step))) removeFile(join(folder, 'samples', name));
  }
}
