import type { Dataset } from '../data/dataset.js';
import { UsageError } from '../gpu/errors.js';
import { hashText, hashWords } from '../hash.js';
import { broadcastText, type Collective } from '../model/collective.js';
import { iterate } from '../model/iterate.js';
import { ParallelTrainer } from '../model/parallel-trainer.js';
import type { Losses } from '../model/trainer.js';
import { Vgg } from '../model/vgg.js';
import { VERSION } from '../version.js';
import { Loader } from './loader.js';
import type { RunOptions, RunResult } from './run.js';
import { shareTuning } from './run-tuning.js';

/**
 * A function that says, with the same answer on every rank, whether to do another iteration. A signal that any rank has received ends
 * the run on all ranks after the iteration that begins next.
 */
export function agreedMore(
  trainer: Pick<ParallelTrainer, 'any' | 'step'>,
  { iterations, signal, onNote }: Pick<RunOptions, 'iterations' | 'signal' | 'onNote'>,
): () => Promise<boolean> {
  let asked = Promise.resolve(false);
  return async () => {
    const stop = await asked;
    if (trainer.step >= iterations) return false;
    if (stop) {
      onNote?.(`a signal asks to stop: stopping after ${trainer.step} iterations, and saving the run`);
      return false;
    }
    // The answer is awaited before the next iteration, so that asking delays none.
    asked = trainer.any(signal?.aborted === true);
    asked.catch(() => {});
    return true;
  };
}

/** Rejects with a `UsageError` on a rank whose run would differ from that of rank 0 in more than its part of every batch. */
export async function expectSameRun(options: RunOptions, ranks: Collective): Promise<void> {
  const { config, seed, batch, iterations, sampleEvery, saveEvery, features, train } = options;
  const weights = [...(features.weights ?? [])].map(([name, w]) => [
    name,
    hashWords(new Uint32Array(w.buffer, w.byteOffset, w.length)),
  ]);
  const own: Record<string, string> = {
    version: VERSION,
    options: JSON.stringify({ config, seed, batch, iterations, sampleEvery, saveEvery }),
    features: JSON.stringify([features.kind, weights]),
    images: contentOf(train),
  };
  const first = JSON.parse(await broadcastText(ranks, JSON.stringify(own))) as typeof own;
  const differing = Object.keys(own).filter((name) => own[name] !== first[name]);
  if (differing.length)
    throw new UsageError(
      `it differs from rank 0 in its ${differing.join(' and ')} ` +
        `(${differing.map((name) => `${brief(own[name])} here, ${brief(first[name])} there`).join('; ')}). ` +
        'All ranks need the same version, options, data and feature weights.',
    );
}

const brief = (text = 'none') => (text.length > 40 ? hashText(text) : text);

function contentOf({ images, pairs }: Dataset): string {
  return hashText(JSON.stringify([images.map(({ name, pose }) => [name, pose]), ...pairs]));
}

/** The part of a rank other than 0 in a run. It trains, and leaves the folder, the log and the samples to rank 0. */
export async function follow(options: RunOptions, ranks: Collective): Promise<RunResult> {
  const { config, seed, batch, train, features, iterations, saveEvery, workers } = options;
  await expectSameRun(options, ranks);
  const engine = await options.open();
  const shard = { rank: ranks.rank, size: ranks.size };
  const loader = new Loader(train, { batch, shard, geometry: config.geometry, seed, workers });
  try {
    await shareTuning(engine, ranks);
    const vgg = features.weights && new Vgg(features.weights);
    const trainer = await ParallelTrainer.create(engine, { config, seed, batch, vgg }, ranks);
    await trainer.share();
    options.onBegin?.(trainer.step);
    let losses: Losses | undefined;
    let saved = trainer.step > 0 ? trainer.step : -1;
    const save = async () => {
      await trainer.expectSame();
      saved = trainer.step;
    };
    await iterate(trainer, {
      batch: (step) => loader.batch(step),
      more: agreedMore(trainer, { iterations, signal: options.signal }),
      logged: () => false,
      onLosses: (_, row) => {
        losses = row;
      },
      after: (step) => (step % saveEvery === 0 ? save : undefined),
    });
    if (saved !== trainer.step) await save();
    return { step: trainer.step, checkpoint: '', losses, interrupted: trainer.step < iterations };
  } finally {
    await loader.close();
    engine.device.destroy();
  }
}
