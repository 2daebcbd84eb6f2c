import { UsageError } from '../gpu/errors.js';
import type { CheckpointInfo } from '../model/checkpoint.js';
import type { StateInfo } from '../model/training-state.js';
import type { RunOptions } from './run.js';

/** Throws `UsageError` if a run would be continued with other settings. */
export function expectSameSettings(
  { folder, batch, seed, config, features, train }: RunOptions,
  checkpoint: Omit<CheckpointInfo, 'library'>,
  state: StateInfo,
): void {
  const before: Readonly<Record<string, unknown>> = {
    ...checkpoint.config,
    skeleton: checkpoint.skeleton,
    features: checkpoint.features,
    batch: state.batch,
    seed: state.orderSeed,
  };
  const now: typeof before = { ...config, skeleton: train.skeleton, features: features.kind, batch, seed };
  const differing = Object.keys(now).filter((k) => JSON.stringify(now[k]) !== JSON.stringify(before[k]));
  const show = (value: unknown) => {
    const text = JSON.stringify(value) ?? 'nothing';
    return text.length > 60 ? `${text.slice(0, 60)}…` : text;
  };
  if (differing.length)
    throw new UsageError(
      `the run in ${folder} was made with other settings: ${differing.map((k) => `${k} was ${show(before[k])}, now it is ${show(now[k])}`).join('; ')}. ` +
        'Resume it with the same settings, or begin another run in another folder.',
    );
}
