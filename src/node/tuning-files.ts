import { join } from 'node:path';
import { checked, STRING } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { ADAPTER, type AdapterIdentity, mergedOver, type StoredTuning, TUNING, Tuning, usable } from '../gpu/tuner.js';
import { isThere, readJson, writeFileAtomic } from './files.js';
import { cacheFolder } from './folders.js';

/** The value of the variable `POSE_GAN_TUNING`, if it is set: a file name or `off`. */
const named = () => process.env.POSE_GAN_TUNING || undefined;

/** Why tunings cannot be stored, or `undefined` if they can. */
export function tuningProblem(): string | undefined {
  if (named() === 'off') return 'POSE_GAN_TUNING is off';
  return named() || cacheFolder() ? undefined : 'there is no home folder';
}

/**
 * The path of an adapter's tuning: the file that the variable `POSE_GAN_TUNING` names, else a file in the user's cache
 * folder. It is `undefined` if there is a `tuningProblem`.
 */
export function tuningPath(...args: [adapter: AdapterIdentity]): string | undefined {
  const [adapter] = checked('tuningPath', { adapter: ADAPTER }, args);
  if (tuningProblem()) return undefined;
  const file = named();
  if (file) return file;
  const slug = [adapter.vendor, adapter.device, adapter.description].join(' ').toLowerCase();
  const name = slug.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  return join(cacheFolder() as string, 'tuning', `${name.slice(0, 120) || 'unknown'}.json`);
}

/** The text of a tuning file. */
export const tuningText = (tuning: Tuning) => `${JSON.stringify(tuning, null, 1)}\n`;

const parse = (path: string) => readJson(path, 'tuning');

/** Reads a tuning file. Throws `UsageError` if it is not one, or if it does not apply to the given adapter. */
export function readTuning(...args: [path: string, adapter?: AdapterIdentity]): Tuning {
  const [path, adapter] = checked('readTuning', { path: STRING, 'adapter?': ADAPTER }, args);
  const tuning = Tuning.fromJSON(parse(path), path);
  const mismatch = adapter && tuning.mismatch(adapter);
  if (mismatch) throw new UsageError(`${path} was ${mismatch}; make one here with pose-gan tune`);
  return tuning;
}

/**
 * The tuning that is stored for an adapter. A file in the cache folder that cannot be used is ignored, with the reason. A
 * file that `POSE_GAN_TUNING` names is a `UsageError` then, but it need not exist yet.
 */
export function loadTuning(...args: [adapter: AdapterIdentity]): StoredTuning & { readonly path?: string } {
  const [adapter] = checked('loadTuning', { adapter: ADAPTER }, args);
  const path = tuningPath(adapter);
  if (!path || !isThere(path)) return { path };
  if (named()) return { path, tuning: readTuning(path, adapter) };
  return { path, ...stored(path, adapter) };
}

const stored = (path: string, adapter: AdapterIdentity) => usable(() => parse(path), adapter, path);

/**
 * Adds a tuning to a file, by default to that of its adapter (`tuningPath`), and returns the path, or `undefined` if there
 * is none. Choices in the file for the same adapter and library version stay unless they are measured again; those of
 * another version are dropped. Throws `UsageError` instead of overwriting another adapter's tuning, or a named file that
 * is not a tuning.
 */
export function saveTuning(...args: [tuning: Tuning, file?: string]): string | undefined {
  const [tuning, file] = checked('saveTuning', { tuning: TUNING, 'file?': STRING }, args);
  const path = file ?? tuningPath(tuning.adapter);
  if (!path) return undefined;
  let before: Tuning | undefined;
  if (isThere(path)) {
    before = (file ?? named()) ? readTuning(path) : stored(path, tuning.adapter).tuning;
    const other = before?.otherAdapter(tuning.adapter);
    if (other) throw new UsageError(`${path} was ${other}; name another file`);
  }
  writeFileAtomic(path, tuningText(mergedOver(before, tuning)));
  return path;
}
