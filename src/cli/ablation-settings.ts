import { basename, join, resolve } from 'node:path';
import { UsageError } from '../gpu/errors.js';
import { ABLATIONS, type Ablation } from '../model/config.js';
import { openDataset } from '../node/dataset.js';
import { filesDigest } from '../node/digest.js';
import { isThere, namesIn } from '../node/files.js';
import type { Values } from './command.js';
import { merged, optionsIn } from './options-file.js';
import { progress } from './progress.js';
import { type chosenModel, MODEL_HELP, MODEL_OPTIONS } from './selection.js';
import { required, text, whole } from './values.js';

const { ablation: _, ...MODEL } = MODEL_OPTIONS;
const { ablation: _help, ...words } = MODEL_HELP;
/** The help of a model's options, without that of `--ablation`. */
export const MODEL_WORDS = words;

/** The options that decide what is trained and compared. They are stored in the folder, and a resumed ablation must have the same. */
export const SETTINGS = {
  data: { type: 'string' },
  name: { type: 'string' },
  ...MODEL,
  iterations: { type: 'string' },
  'learning-rate': { type: 'string' },
  variants: { type: 'string' },
  seeds: { type: 'string' },
  pairs: { type: 'string' },
  resize: { type: 'boolean' },
  'skip-bad': { type: 'boolean' },
} as const;

/** Settings that a resumed ablation may extend: more seeds, or more variants. */
const EXTENSIBLE = ['variants', 'seeds'];

/** Settings that are paths. */
const PATHS = ['data', 'skeleton'];

/** The number of iterations of every training. */
export const DEFAULT_ITERATIONS = 3000;

export const settingsPath = (folder: string) => join(folder, 'ablation.json');

/**
 * The settings of a new ablation, or those of the folder, which options may repeat or extend but not change. `continuing` says whether
 * the folder may hold an ablation already, as it does for `--resume` and for a part that shares the folder with others.
 */
export function settingsOf(given: Values, folder: string, continuing: boolean): Values {
  const path = settingsPath(folder);
  const chosen: Values = {};
  for (const name of Object.keys(SETTINGS)) if (given[name] !== undefined) chosen[name] = given[name];
  for (const name of PATHS) if (typeof chosen[name] === 'string') chosen[name] = resolve(chosen[name]);
  if (!isThere(path)) {
    if (given.resume === true)
      throw new UsageError(`${folder} holds no ablation to resume; leave out --resume to begin one there`);
    return chosen;
  }
  if (!continuing)
    throw new UsageError(`${folder} already holds an ablation; give --resume to continue it, or another --out`);
  const before = optionsIn(path, SETTINGS);
  for (const [name, value] of Object.entries(chosen)) {
    if ((given.resume === true && EXTENSIBLE.includes(name)) || before[name] === value) continue;
    const was = before[name] === undefined ? 'was not given' : `was ${before[name]}`;
    throw new UsageError(
      `--${name} ${was} when the ablation in ${folder} began, now it is ${value}; a fair comparison needs one budget for all. ` +
        'Leave the option out, or use another --out',
    );
  }
  return merged(before, chosen);
}

/**
 * Whether a setting of two parts is the same. Machines may have the file of a skeleton in other folders: its content is compared where
 * both files are here, and else its name.
 */
function isSame(name: string, a: Values[string], b: Values[string]): boolean {
  if (a === b || name !== 'skeleton' || typeof a !== 'string' || typeof b !== 'string') return a === b;
  return isThere(a) && isThere(b) ? filesDigest([a]) === filesDigest([b]) : basename(a) === basename(b);
}

/**
 * The settings that all parts of an ablation have. Machines may have the data in other folders: the pairs of all evaluations are compared
 * later, and `given` can name the folder on this machine. `folder`, where the parts are joined, may hold some of them. Throws `UsageError`
 * if settings differ, if a part's folder holds no ablation, or if `folder` holds something else.
 */
export function sharedSettings(folder: string, others: readonly string[], given: Values): Values {
  const begun = isThere(settingsPath(folder));
  if (!begun && isThere(folder) && namesIn(folder).length)
    throw new UsageError(`${folder} holds other files, but no ablation; give an empty or new folder by --out`);
  const parts = begun ? [folder, ...others] : others;
  const [first, ...rest] = parts.map((part) => {
    if (!isThere(settingsPath(part))) throw new UsageError(`${part} holds no part of an ablation (no ablation.json)`);
    return { part, settings: optionsIn(settingsPath(part), SETTINGS) };
  });
  if (!first) throw new UsageError('name the folders of the parts: pose-gan ablate --out FOLDER --merge PART…');
  for (const { part, settings } of rest)
    for (const name of Object.keys(SETTINGS).filter((name) => name !== 'data'))
      if (!isSame(name, settings[name], first.settings[name]))
        throw new UsageError(
          `${part} and ${first.part} are parts of different ablations: ${name} is ${settings[name] ?? 'not given'} in the one, ` +
            `${first.settings[name] ?? 'not given'} in the other`,
        );
  const here = { ...first.settings };
  for (const name of PATHS) {
    const known = [first, ...rest].map(({ settings }) => settings[name]);
    const path = given[name] ?? known.find((p) => typeof p === 'string' && isThere(p));
    if (path === undefined && known[0] !== undefined)
      throw new UsageError(
        `${known.length > 1 ? 'the parts were' : 'the part was'} made with --${name} ${[...new Set(known)].join(' and ')}, which is not on this machine; ` +
          `name it by --${name}`,
      );
    if (typeof path === 'string') here[name] = resolve(path);
  }
  return here;
}

export function variantsOf(values: Values): Ablation[] {
  const words = (text(values, 'variants') ?? ABLATIONS.join(',')).split(',').map((word) => word.trim());
  const odd = words.find((word) => !ABLATIONS.some((name) => name === word));
  if (odd !== undefined)
    throw new UsageError(`--variants: there is no variant "${odd}"; known are ${ABLATIONS.join(', ')}`);
  // In the order of the paper's table, each once.
  return ABLATIONS.filter((name) => words.includes(name));
}

/** Opens the pairs that the options name. */
export async function dataOf(values: Values, model: ReturnType<typeof chosenModel>) {
  const { config, skeleton } = model;
  const common = {
    ...{ folder: required(values, 'data'), name: required(values, 'name'), skeleton },
    ...{ height: config.height, width: config.width },
    ...{ resize: values.resize === true, skipBad: values['skip-bad'] === true },
    onProgress: (done: number) => bar.update(done),
  };
  const bar = progress('checking images', undefined, { unit: 'images' });
  try {
    const train = await openDataset({ ...common, split: 'train' });
    const test = await openDataset({
      ...common,
      split: 'test',
      select: { limit: whole(values, 'pairs', 1000, 1), seed: 0 },
    });
    return { train, test };
  } finally {
    bar.end();
  }
}
