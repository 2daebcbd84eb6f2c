import type { Dataset, PairSelection, Split } from '../data/dataset.js';
import type { ModelFrame } from '../data/named-pose.js';
import { UsageError } from '../gpu/errors.js';
import {
  type Ablation,
  type ConfigOptions,
  type ModelConfig,
  modelConfig,
  type Preset,
  type Size,
} from '../model/config.js';
import { openDataset } from '../node/dataset.js';
import { readSkeleton } from '../node/files.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { Values } from './command.js';
import { progress } from './progress.js';
import { fileOf, positive, required, text, whole } from './values.js';

/** The options by which a command selects a new model, in the form of `Command.options`. */
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
  size: 'market (128×64, default), fashion (256×256) or small (64×32, for experiments)',
  ablation: 'full (default), baseline, dsc, perc, mean or dropout',
  width: 'a factor for all channel counts; a model with 0.25 can be trained on a small machine (default: 1)',
  skeleton: 'a skeleton JSON file (default: the person with 18 joints)',
  features: 'the features that the losses compare: vgg19 (default if installed, see pose-gan weights) or bank',
  batch: 'pairs per iteration (default: 4)',
};

export interface ModelChoice {
  readonly config: ModelConfig;
  /** The options from which the configuration was made. */
  readonly recipe: ConfigOptions;
  readonly skeleton: Skeleton;
  /** The number of pairs per iteration. */
  readonly batch: number;
}

/**
 * The model that the options of `MODEL_OPTIONS` select, except for `--features`. The default skeleton is `known`, or the person's. The
 * default ablation is that of `modelConfig`, unless the command has another.
 */
export function chosenModel(values: Values, known?: Skeleton, defaultAblation?: Ablation): ModelChoice {
  const recipe = {
    preset: text(values, 'preset') as Preset | undefined,
    size: text(values, 'size') as Size | undefined,
    ablation: (text(values, 'ablation') as Ablation | undefined) ?? defaultAblation,
    width: positive(values, 'width', 1),
  };
  const path = text(values, 'skeleton');
  const skeleton = (path === undefined ? known : undefined) ?? readSkeleton(path);
  const base = configOf(values, recipe);
  const config = { ...base, joints: skeleton.joints.length, parts: skeleton.parts.length };
  return { config, recipe, skeleton, batch: whole(values, 'batch', config.batch, 1) };
}

/** The configuration of a recipe. Errors name the file from which the recipe comes, if there is one. */
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

/** The value of `--split`; the default is the test half. */
export function splitOf(values: Values): Split {
  const split = text(values, 'split') ?? 'test';
  if (split !== 'train' && split !== 'test') throw new UsageError(`--split must be train or test, got "${split}"`);
  return split;
}

/** The value of `--limit`, if it was given. */
export function limitOf(values: Values): number | undefined {
  return text(values, 'limit') === undefined ? undefined : whole(values, 'limit', 1, 1);
}

/** Opens and checks the pairs that a command uses (`--data`, `--name`, `--split`, `--resize`, `--skip-bad`). */
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
