import { join } from 'node:path';
import type { LogRow } from '../model/iterate.js';
import { isThere, namesIn, readBytes, removeFile, writeFileAtomic } from './files.js';

/** The file that shows that a run is under way in its folder. */
export const RUN_LOCK = 'run.lock';

/** A sample sheet, its step in the first group. */
const SAMPLE_FILE = /^sample-(\d{8,})\.png$/;

/** Where a run's folder has the sheet of an iteration. */
export const samplePath = (step: number) => join('samples', `sample-${String(step).padStart(8, '0')}.png`);

/**
 * Forgets the log rows of iterations after `step`, which will be done again, and that of `step` itself where none is `due` then:
 * the last row of a run that has ended there.
 */
export function trimLog(folder: string, step: number, due: (step: number) => boolean): void {
  const path = join(folder, 'log.jsonl');
  const lines = isThere(path) ? new TextDecoder().decode(readBytes(path, 'log')).split('\n') : [];
  const kept = lines.filter((line) => {
    try {
      const row = JSON.parse(line) as LogRow;
      return row.step < step || (row.step === step && due(step));
    } catch {
      return false; // a line that was cut short
    }
  });
  writeFileAtomic(path, kept.map((line) => `${line}\n`).join(''));
}

/** Removes the sheets of iterations after `step`, and that of `step` where none is `due` then: the sheet of an interruption. */
export function trimSamples(folder: string, step: number, due: (step: number) => boolean): void {
  for (const name of namesIn(join(folder, 'samples'))) {
    const drawn = Number(SAMPLE_FILE.exec(name)?.[1] ?? Number.NaN);
    if (drawn > step || (drawn === step && !due(step))) removeFile(join(folder, 'samples', name));
  }
}
