import { join, resolve } from 'node:path';
import { loadCheckpoint, loadStateInfo } from '../node/checkpoint-files.js';
import { isThere } from '../node/files.js';
import { expectRunnable } from '../node/run.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { Values } from './command.js';

/** Where a run keeps the options it was begun with, in the form of `--config`. */
export const optionsPath = (folder: string) => join(folder, 'options.json');

/** Options that say where and how a command runs, not what the run is; the skeleton is in the checkpoint. */
const NOT_KEPT = ['config', 'out', 'resume', 'tune', 'adapter', 'json', 'debug', 'help', 'skeleton'];

/**
 * The options of a run as its folder keeps them, in the order of the `known` names, so that a resumed run keeps the same bytes; the
 * data folder as a path from the root, for whoever resumes from elsewhere.
 */
export function keptOptions(values: Values, known: readonly string[]): Values {
  const names = known.filter((name) => Object.hasOwn(values, name) && !NOT_KEPT.includes(name));
  const kept = names.map((name) => [name, values[name]]);
  const { data } = values;
  return { ...Object.fromEntries(kept), ...(typeof data === 'string' ? { data: resolve(data) } : {}) };
}

/**
 * What the run in a folder was made with: its options file, and the settings of the model from the latest checkpoint, which are
 * all that a run has which the browser saved. `UsageError` when there is no checkpoint, or a run is under way: it would replace
 * the files while they are read.
 */
export function madeWith(folder: string): { values: Values; optionsFile: string | undefined; skeleton: Skeleton } {
  expectRunnable(folder, true);
  const checkpoint = loadCheckpoint(folder);
  const { recipe, config, seed, features, skeleton } = checkpoint.info;
  const settings = {
    ...recipe,
    ...(features === 'none' ? {} : { features }),
    ...{ 'learning-rate': config.learningRate, seed, batch: loadStateInfo(checkpoint).batch },
  };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  const path = optionsPath(folder);
  return {
    values: Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
    optionsFile: isThere(path) ? path : undefined,
    skeleton,
  };
}
