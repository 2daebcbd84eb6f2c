import { join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import type { LogRow } from '../model/iterate.js';
import { datasetPaths, openDataset } from '../node/dataset.js';
import { isThere, writeFileAtomic } from '../node/files.js';
import { expectRunnable, trainRun } from '../node/run.js';
import { loadFeatures } from '../node/weights.js';
import { open } from '../node.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { Command, Values } from './command.js';
import { EXIT } from './failures.js';
import { merged, optionsIn } from './options-file.js';
import { type Progress, progress } from './progress.js';
import { keptOptions, madeWith, optionsPath } from './resumed.js';
import { chosenModel, MODEL_HELP, MODEL_OPTIONS, type ModelChoice } from './selection.js';
import { interruption } from './signals.js';
import { narrator, sayJson } from './terminal.js';
import { tuningProgress } from './tune.js';
import { noMore, positive, required, requiredOutput, text, whole } from './values.js';

const OPTIONS = {
  config: { type: 'string' },
  data: { type: 'string' },
  name: { type: 'string' },
  out: { type: 'string' },
  ...MODEL_OPTIONS,
  iterations: { type: 'string' },
  'learning-rate': { type: 'string' },
  seed: { type: 'string' },
  'log-every': { type: 'string' },
  'sample-every': { type: 'string' },
  'save-every': { type: 'string' },
  keep: { type: 'string' },
  workers: { type: 'string' },
  resume: { type: 'boolean' },
  tune: { type: 'boolean' },
  resize: { type: 'boolean' },
  'skip-bad': { type: 'boolean' },
} as const;

/**
 * All options: those of the command line win over those of `--config`, and these over what a resumed run was made with. `kept` are
 * those that were ever given, for the run's own file of options.
 */
function allOptions(given: Values): { values: Values; kept: Values; skeleton?: Skeleton } {
  const config = text(given, 'config');
  const values = merged(config ? optionsIn(config, OPTIONS) : {}, given);
  if (values.resume !== true) return { values, kept: values };
  const { values: settings, optionsFile, skeleton } = madeWith(required(values, 'out'));
  const before = optionsFile ? optionsIn(optionsFile, OPTIONS) : settings;
  return { values: merged(settings, before, values), kept: merged(before, values), skeleton };
}

async function datasets(
  values: Values,
  { config: { height, width }, skeleton }: ModelChoice,
): Promise<{ train: Dataset; test?: Dataset }> {
  let bar: Progress | undefined;
  const common = {
    folder: required(values, 'data'),
    name: required(values, 'name'),
    height,
    width,
    skeleton,
    resize: values.resize === true,
    skipBad: values['skip-bad'] === true,
    onProgress: (done: number, total: number) => {
      bar ??= progress('checking images', total);
      bar.update(done);
    },
  };
  const train = await openDataset({ ...common, split: 'train' });
  // A dataset without a test half is still one to train on.
  const hasTest = isThere(datasetPaths(common.folder, common.name, 'test').annotations);
  const test = hasTest ? await openDataset({ ...common, split: 'test' }) : undefined;
  bar?.end();
  return { train, test };
}

function describe(dataset: Dataset): string {
  const { skipped } = dataset;
  const left = skipped.rows + skipped.images + skipped.pairs;
  const reasons = left
    ? `; left out ${skipped.rows} rows, ${skipped.images} images, ${skipped.pairs} pairs: ${skipped.reasons.join(' · ')}`
    : '';
  return `${dataset.name} ${dataset.split}: ${dataset.images.length} images, ${dataset.pairs.length / 2} pairs${reasons}`;
}

async function run(given: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const { values, kept, skeleton } = allOptions(given);
  const model = chosenModel(values, skeleton);
  const { config: chosen, recipe, batch } = model;
  const config = { ...chosen, learningRate: positive(values, 'learning-rate', chosen.learningRate) };
  const folder = requiredOutput(values, 'out', 'folder');
  const iterations = whole(values, 'iterations', 90_000, 1);
  const json = values.json === true;
  const tell = narrator(json);
  const features = loadFeatures(config, text(values, 'features'));
  expectRunnable(folder, values.resume === true);
  const { train, test } = await datasets(values, model);
  tell(describe(train));
  for (const w of train.warnings) tell(`warning: ${w}`);
  if (features.note) tell(features.note);
  let bar = progress('preparing the run');
  const tuning = tuningProgress();
  const { signal, code, release } = interruption(tell);
  let last: LogRow | undefined;
  try {
    const result = await trainRun({
      folder,
      train,
      test,
      config,
      recipe,
      seed: whole(values, 'seed', 0),
      batch,
      iterations,
      logEvery: whole(values, 'log-every', 1, 1),
      sampleEvery: whole(values, 'sample-every', 500, 1),
      saveEvery: whole(values, 'save-every', 1000, 1),
      keep: whole(values, 'keep', 1, 1),
      resume: values.resume === true,
      onBegin: (from) => {
        writeFileAtomic(optionsPath(folder), `${JSON.stringify(keptOptions(kept, Object.keys(OPTIONS)), null, 2)}\n`);
        bar.end();
        bar = progress('training', iterations, { from });
      },
      features,
      open: async () => {
        const engine = await open({ adapter: text(values, 'adapter') });
        tell(`adapter: ${engine.adapterName}`);
        return engine;
      },
      tune: values.tune === true ? { signal, onProgress: tuning.onProgress } : undefined,
      signal,
      workers: whole(values, 'workers', 1, 1),
      onNote: tell,
      onStep: (row) => {
        last = row;
        const { discriminator: d, adversarial: a, reconstruction: r } = row;
        bar.update(row.step, `D ${d.toFixed(3)}  adv ${a.toFixed(3)}  ${config.loss.kind} ${r.toFixed(3)}`);
      },
    });
    bar.end();
    if (json) sayJson({ ...result, seconds: last?.seconds ?? 0 }, 0);
    else
      tell(
        `${result.interrupted ? 'stopped' : 'done'} after ${result.step} iterations; ${result.checkpoint}`,
        `samples: ${join(folder, 'samples')}, log: ${join(folder, 'log.jsonl')}`,
      );
    return (result.interrupted ? code() : undefined) ?? EXIT.done;
  } finally {
    bar.end();
    tuning.end();
    release();
  }
}

export const train: Command = {
  name: 'train',
  summary: 'trains a pose-GAN on a dataset; resumable, with sample sheets, a log and checkpoints',
  usage: '--data FOLDER --name D --out FOLDER',
  options: OPTIONS,
  help: {
    config: 'a JSON file of these options; those on the command line win',
    data: 'the folder that holds D-dataset, D-annotation-*.csv and D-pairs-*.csv',
    name: 'the dataset’s name D',
    out: 'where checkpoints, samples and log.jsonl go',
    ...MODEL_HELP,
    iterations: 'iterations in all (default: 90000)',
    'learning-rate': 'step size of Adam (default: 0.0002)',
    seed: 'of weights, dropout, noise and order (default: 0)',
    'log-every': 'iterations between lines of log.jsonl (default: 1)',
    'sample-every': 'iterations between sample sheets (default: 500)',
    'save-every': 'iterations between checkpoints (default: 1000)',
    keep: 'how many checkpoints stay (default: 1)',
    workers: 'decoding threads (default: 1)',
    resume: 'go on with the run in --out, bit for bit, with the options and kernels it began with where none are given',
    tune: 'time the kernels of a new run first, where that was not done on this adapter (pose-gan tune)',
    resize: 'fit images of another size, joints included',
    'skip-bad': 'leave out and count what cannot be used',
  },
  examples: [
    'pose-gan train --data data --name synth --out runs/first --width 0.125 --iterations 500',
    'pose-gan train --out runs/first --resume',
    'pose-gan train --config run.json',
  ],
  run,
};
