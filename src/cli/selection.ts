import type { Dataset, PairSelection, Split } from '../data/dataset.js';
import { UsageError } from '../gpu/errors.js';
import type { ModelFrame } from '../model/pairs.js';
import { openDataset } from '../node/dataset.js';
import type { Values } from './command.js';
import { progress } from './progress.js';
import { required, text, whole } from './values.js';

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
