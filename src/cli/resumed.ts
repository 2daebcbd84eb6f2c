import { join, resolve } from 'node:path';
import { loadCheckpoint, loadStateInfo } from '../node/checkpoint-files.js';
import { isThere } from '../node/files.js';
import { expectRunnable } from '../node/run.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { Values } from './command.js';

/** The file with a run's options, in the form of `--config`. */
export const optionsPath = (folder: string) => join(folder, 'options.json');

/** Options that are not saved because they say where and how a command runs. The skeleton is in the checkpoint. */
const NOT_SAVED = ['config', 'out', 'resume', 'tune', 'adapter', 'json', 'debug', 'help', 'skeleton'];

/**
 * The options of a run to save in its folder. They are in the order of the `known` names, so that a resumed run writes the same
 * bytes. The data folder is an absolute path, so that a run can be resumed from another folder.
 */
export function optionsToSave(values: Values, known: readonly string[]): Values {
  const names = known.filter((name) => Object.hasOwn(values, name) && !NOT_SAVED.includes(name));
  const saved = names.map((name) => [name, values[name]]);
  const { data } = values;
  return { ...Object.fromEntries(saved), ...(typeof data === 'string' ? { data: resolve(data) } : {}) };
}

/**
 * The options of the run in a folder: its options file, and the settings in the latest checkpoint, which are all that a run saved by
 * the browser has. Throws `UsageError` if there is no checkpoint, or if the run is in progress, because it could replace the files
 * while they are read.
 */
export function runOptions(folder: string): { values: Values; optionsFile: string | undefined; skeleton: Skeleton } {
  expectRunnable(folder, true);
  const checkpoint = loadCheckpoint(folder);
  const { recipe, config, seed, features, skeleton } = checkpoint.info;
  const settings = {
    ...recipe,
    // A recipe without it is of the full model, whatever the default of `pose-gan train` is.
    ablation: recipe.ablation ?? 'full',
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
