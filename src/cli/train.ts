import { join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { unpairedText } from '../data/pairs.js';
import { UsageError } from '../gpu/errors.js';
import { broadcastText, type Collective } from '../model/collective.js';
import type { LogRow } from '../model/iterate.js';
import { datasetPaths, openDataset } from '../node/dataset.js';
import { isThere, writeFileAtomic } from '../node/files.js';
import { launchOf } from '../node/launch.js';
import type { MpiRanks } from '../node/mpi.js';
import { expectRunnable, trainRun } from '../node/run.js';
import { loadFeatures } from '../node/weights.js';
import { open } from '../node.js';
import type { Skeleton } from '../pose/skeleton.js';
import { partOf } from '../shard.js';
import type { Command, Values } from './command.js';
import { EXIT } from './failures.js';
import { merged, optionsIn } from './options-file.js';
import { type Progress, progress, silent } from './progress.js';
import { optionsPath, optionsToSave, runOptions } from './resumed.js';
import { chosenModel, MODEL_HELP, MODEL_OPTIONS, type ModelChoice } from './selection.js';
import { interruption } from './signals.js';
import { logger, sayJson } from './terminal.js';
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

/** The ablation that gave the best pictures in every comparison so far (docs/results/ablation.md), and that needs no other network. */
const DEFAULT_ABLATION = 'dsc';

/**
 * All options. Those of the command line override those of `--config`, and these override the options of a resumed run. `toSave` are
 * the options that the user has given, now or earlier, for the options file of the run.
 */
function allOptions(given: Values): { values: Values; toSave: Values; skeleton?: Skeleton } {
  const config = text(given, 'config');
  const values = merged(config ? optionsIn(config, OPTIONS) : {}, given);
  if (values.resume !== true) return { values, toSave: values };
  const { values: settings, optionsFile, skeleton } = runOptions(required(values, 'out'));
  const before = optionsFile ? optionsIn(optionsFile, OPTIONS) : settings;
  return { values: merged(settings, before, values), toSave: merged(before, values), skeleton };
}

async function datasets(
  values: Values,
  { config: { height, width }, skeleton }: ModelChoice,
  leads: boolean,
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
      if (leads) bar ??= progress('checking images', total);
      bar?.update(done);
    },
  };
  const train = await openDataset({ ...common, split: 'train' });
  // The test half is optional for training.
  const hasTest = leads && isThere(datasetPaths(common.folder, common.name, 'test').annotations);
  const test = hasTest ? await openDataset({ ...common, split: 'test' }) : undefined;
  bar?.end();
  return { train, test };
}

function describe(dataset: Dataset): string {
  const { skipped } = dataset;
  const left = skipped.rows + skipped.images + skipped.pairs;
  const reasons = left
    ? `; skipped ${skipped.rows} rows, ${skipped.images} images, ${skipped.pairs} pairs: ${skipped.reasons.join(' · ')}`
    : '';
  return `${dataset.name} ${dataset.split}: ${dataset.images.length} images${unpairedText(dataset.unpaired, dataset.skeleton)}, ${dataset.pairs.length / 2} pairs${reasons}`;
}

/** The options of rank 0 on every rank, since the others may have no folder to resume from. */
async function sharedOptions(given: Values, ranks?: Collective): Promise<ReturnType<typeof allOptions>> {
  if (!ranks) return allOptions(given);
  const text = ranks.rank === 0 ? JSON.stringify(allOptions(given)) : '';
  return JSON.parse(await broadcastText(ranks, text)) as ReturnType<typeof allOptions>;
}

async function run(given: Values, positionals: string[]): Promise<number> {
  noMore(positionals, given);
  const launch = launchOf(process.env);
  if (!launch) return trainAs(given);
  const { asRank } = await import('./as-rank.js');
  return asRank('pose-gan train', launch, (ranks) => trainAs(given, ranks));
}

async function trainAs(given: Values, ranks?: MpiRanks): Promise<number> {
  const leads = !ranks || ranks.rank === 0;
  const { values, toSave, skeleton } = await sharedOptions(given, ranks);
  const model = chosenModel(values, skeleton, DEFAULT_ABLATION);
  if (text(values, 'features') !== undefined && text(values, 'ablation') === undefined)
    throw new UsageError(
      `--features chooses what a loss compares, but the default ${DEFAULT_ABLATION} has a loss on pixels. ` +
        'Fix: add --ablation full, which is the paper’s whole model, or leave out --features',
    );
  const { config: chosen, recipe, batch } = model;
  const config = { ...chosen, learningRate: positive(values, 'learning-rate', chosen.learningRate) };
  const folder = leads ? requiredOutput(values, 'out', 'folder') : required(values, 'out');
  const iterations = whole(values, 'iterations', 90_000, 1);
  const json = values.json === true;
  const print = logger(json);
  const log = leads ? print : () => {};
  const bars = leads ? progress : silent;
  const features = loadFeatures(config, text(values, 'features'));
  if (leads) expectRunnable(folder, values.resume === true);
  if (ranks) partOf(batch, ranks);
  const { train, test } = await datasets(values, model, leads);
  log(describe(train));
  for (const w of train.warnings) log(`warning: ${w}`);
  if (features.note) log(features.note);
  let bar = bars('preparing the run');
  const tuning = tuningProgress();
  const { signal, code, release } = interruption(ranks ? () => {} : log);
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
        const options = optionsToSave(toSave, Object.keys(OPTIONS));
        if (leads) writeFileAtomic(optionsPath(folder), `${JSON.stringify(options, null, 2)}\n`);
        bar.end();
        bar = bars('training', iterations, { from });
      },
      features,
      open: async () => {
        const { localRank, localSize = 1 } = ranks?.launch ?? {};
        const engine = await open({
          adapter: text(values, 'adapter'),
          index: localSize > 1 ? localRank : undefined,
        });
        print(`${ranks ? `rank ${ranks.rank} of ${ranks.size} on ${ranks.host}, ` : ''}adapter: ${engine.adapterName}`);
        return engine;
      },
      tune: values.tune === true ? { signal, onProgress: tuning.onProgress } : undefined,
      signal,
      workers: whole(values, 'workers', 1, 1),
      onNote: log,
      ranks,
      onStep: (row) => {
        last = row;
        const { discriminator: d, adversarial: a, reconstruction: r } = row;
        bar.update(row.step, `D ${d.toFixed(3)}  adv ${a.toFixed(3)}  ${config.loss.kind} ${r.toFixed(3)}`);
      },
    });
    bar.end();
    if (leads && json) sayJson({ ...result, seconds: last?.seconds ?? 0 }, 0);
    else
      log(
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
  summary: 'trains a pose-GAN on a dataset, writes checkpoints, sample sheets and a log, and can resume',
  usage: '--data FOLDER --name D --out FOLDER',
  options: OPTIONS,
  help: {
    config: 'a JSON file of these options; options on the command line override it',
    data: 'the folder with D-dataset, D-annotation-*.csv and D-pairs-*.csv',
    name: 'the name D of the dataset',
    out: 'the folder for checkpoints, samples and log.jsonl',
    ...MODEL_HELP,
    ablation: `${DEFAULT_ABLATION} (default; best at budgets of hours), full (the paper’s whole model), baseline, perc, mean or dropout`,
    iterations: 'the total number of iterations (default: 90000)',
    'learning-rate': 'the learning rate of Adam (default: 0.0002)',
    seed: 'seed of weights, dropout, noise and order (default: 0)',
    'log-every': 'iterations between lines of log.jsonl (default: 1)',
    'sample-every': 'iterations between sample sheets (default: 500)',
    'save-every': 'iterations between checkpoints (default: 1000)',
    keep: 'the number of checkpoints to keep (default: 1)',
    workers: 'the number of decoding threads (default: 1)',
    resume:
      'continue the run in --out, bit for bit, with its original kernels, and its original options unless others are given',
    tune: 'first time those kernels of a new run that have not been timed on this adapter (pose-gan tune)',
    resize: 'resize images of another size, joints included',
    'skip-bad': 'skip and count what cannot be used',
  },
  examples: [
    'pose-gan train --data data --name synth --out runs/first --width 0.125 --iterations 500',
    'pose-gan train --out runs/first --resume',
    'pose-gan train --config run.json',
    'mpirun -np 4 pose-gan train --config run.json --batch 16',
  ],
  run,
};
