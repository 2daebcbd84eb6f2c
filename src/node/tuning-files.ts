import { join } from 'node:path';
import { checked, STRING } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { ADAPTER, type AdapterIdentity, mergedOver, type StoredTuning, TUNING, Tuning, usable } from '../gpu/tuner.js';
import { isThere, readJson, writeFileAtomic } from './files.js';
import { cacheFolder } from './folders.js';

/** The file named by the variable `POSE_GAN_TUNING`, if any; it may be `off`. */
const named = () => process.env.POSE_GAN_TUNING || undefined;

/** Why no tuning is kept; nothing when there is a place for it. */
export function tuningProblem(): string | undefined {
  if (named() === 'off') return 'POSE_GAN_TUNING is off';
  return named() || cacheFolder() ? undefined : 'there is no home folder';
}

/**
 * Where the tuning of an adapter is kept: the file that the variable `POSE_GAN_TUNING` names, else one in the user's cache
 * folder; nowhere when there is a `tuningProblem`.
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

/** A tuning as the text of a file. */
export const tuningText = (tuning: Tuning) => `${JSON.stringify(tuning, null, 1)}\n`;

const parse = (path: string) => readJson(path, 'tuning');

/** Reads a tuning file. `UsageError` when it is none, or, where an adapter is given, says nothing about that. */
export function readTuning(...args: [path: string, adapter?: AdapterIdentity]): Tuning {
  const [path, adapter] = checked('readTuning', { path: STRING, 'adapter?': ADAPTER }, args);
  const tuning = Tuning.fromJSON(parse(path), path);
  const mismatch = adapter && tuning.mismatch(adapter);
  if (mismatch) throw new UsageError(`${path} was ${mismatch}; make one here with pose-gan tune`);
  return tuning;
}

/**
 * What is kept for an adapter. A file in the cache folder that is of no use is ignored, with the reason; one that
 * `POSE_GAN_TUNING` names is a `UsageError` then, but it need not exist yet.
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
 * Adds a tuning to a file, by default to the one where its adapter's is kept, and returns the path; nothing when there is
 * no such place. Choices that the file has of the same adapter and library version stay, unless measured again; those of
 * another version go. `UsageError` rather than overwriting another adapter's tuning, or a named file that is none.
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
