import type { Dataset } from '../data/dataset.js';
import type { Cost } from '../evaluation/document.js';
import type { Engine } from '../gpu/engine.js';
import type { Generator } from '../model/trainer.js';
import { Loader } from './loader.js';

/** Timing ends after this time or this number of batches. */
const BUDGET_MS = 4000;
const MOST_SAMPLES = 30;

/**
 * Measures the milliseconds an image that a generator takes, as the median over batches after one batch of warm-up, and counts its
 * parameters. Uploading the pictures and reading the results back are included.
 */
export async function measureCost(engine: Engine, model: Generator, dataset: Dataset): Promise<Cost> {
  const { batch, config, set } = model;
  const loader = new Loader(dataset, { batch, geometry: config.geometry, shuffle: false, ahead: 0, workers: 1 });
  const data = await loader.batch(0).finally(() => loader.close());
  await model.generate(data);
  const times: number[] = [];
  const end = performance.now() + BUDGET_MS;
  do {
    const start = performance.now();
    await model.generate(data);
    times.push(performance.now() - start);
  } while (performance.now() < end && times.length < MOST_SAMPLES);
  times.sort((a, b) => a - b);
  const middle = times.length / 2;
  const median = ((times[Math.ceil(middle) - 1] as number) + (times[Math.floor(middle)] as number)) / 2;
  return {
    msPerImage: median / batch,
    batch,
    samples: times.length,
    adapter: engine.adapterName,
    parameters: set.count,
    megabytes: (4 * set.count) / 1e6,
  };
}
