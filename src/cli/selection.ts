import type { Dataset, PairSelection, Split } from '../data/dataset.js';
import { UsageError } from '../gpu/errors.js';
import {
  type Ablation,
  type ConfigOptions,
  type ModelConfig,
  modelConfig,
  type Preset,
  type Size,
} from '../model/config.js';
import type { ModelFrame } from '../model/pairs.js';
import { openDataset } from '../node/dataset.js';
import { readSkeleton } from '../node/files.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { Values } from './command.js';
import { progress } from './progress.js';
import { fileOf, positive, required, text, whole } from './values.js';

/** Options by which a command chooses a model that is not there yet, as `Command.options` and `Command.help` have them. */
export const MODEL_OPTIONS = {
  preset: { type: 'string' },
  size: { type: 'string' },
  ablation: { type: 'string' },
  width: { type: 'string' },
  skeleton: { type: 'string' },
  features: { type: 'string' },
  batch: { type: 'string' },
} as const;
export const MODEL_HELP: Readonly<Record<keyof typeof MODEL_OPTIONS, string>> = {
  preset: 'paper (default) or authors',
  size: 'market (128×64, default), fashion (256×256) or small (64×32, to try things)',
  ablation: 'full (default), baseline, dsc, perc, mean or dropout',
  width: 'multiplies all channel counts: 0.25 trains on a small machine',
  skeleton: 'a skeleton JSON file; the person’s when left out',
  features: 'vgg19 or bank: what the losses compare; VGG-19 when it is installed (pose-gan weights)',
  batch: 'pairs per iteration (default: 4)',
};

export interface ModelChoice {
  readonly config: ModelConfig;
  /** What the configuration was made from. */
  readonly recipe: ConfigOptions;
  readonly skeleton: Skeleton;
  /** Pairs per iteration. */
  readonly batch: number;
}

/** The model that the options of `MODEL_OPTIONS` choose; `--features` is for `loadFeatures`. `known` takes the place of the person's skeleton. */
export function chosenModel(values: Values, known?: Skeleton): ModelChoice {
  const recipe = {
    preset: text(values, 'preset') as Preset | undefined,
    size: text(values, 'size') as Size | undefined,
    ablation: text(values, 'ablation') as Ablation | undefined,
    width: positive(values, 'width', 1),
  };
  const path = text(values, 'skeleton');
  const skeleton = (path === undefined ? known : undefined) ?? readSkeleton(path);
  const base = configOf(values, recipe);
  const config = { ...base, joints: skeleton.joints.length, parts: skeleton.parts.length };
  return { config, recipe, skeleton, batch: whole(values, 'batch', config.batch, 1) };
}

/** The configuration of a recipe; errors name the file that it comes from, if it does. */
function configOf(values: Values, recipe: ConfigOptions): ModelConfig {
  try {
    return modelConfig(recipe);
  } catch (error) {
    const file = Object.keys(recipe)
      .map((name) => fileOf(values, name))
      .find((f) => f !== undefined);
    if (!(error instanceof UsageError) || file === undefined) throw error;
    throw new UsageError(`${file}: ${error.message}`);
  }
}

/** `--split`: the test half by default. */
export function splitOf(values: Values): Split {
  const split = text(values, 'split') ?? 'test';
  if (split !== 'train' && split !== 'test') throw new UsageError(`--split must be train or test, got "${split}"`);
  return split;
}

/** `--limit`, if it was given. */
export function limitOf(values: Values): number | undefined {
  return text(values, 'limit') === undefined ? undefined : whole(values, 'limit', 1, 1);
}

/** Opens the pairs that a command works on (`--data`, `--name`, `--split`, `--resize`, `--skip-bad`), checked. */
export async function selectedPairs(values: Values, frame: ModelFrame, select: PairSelection): Promise<Dataset> {
  let bar: ReturnType<typeof progress> | undefined;
  try {
    return await openDataset({
      folder: required(values, 'data'),
      name: required(values, 'name'),
      split: splitOf(values),
      ...frame,
      resize: values.resize === true,
      skipBad: values['skip-bad'] === true,
      select,
      onProgress: (done, total) => {
        bar ??= progress('checking images', total, { unit: 'images' });
        bar.update(done);
      },
    });
  } finally {
    bar?.end();
  }
}
