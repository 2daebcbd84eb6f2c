import { basename, join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { summariseAblation } from '../evaluation/ablation.js';
import { type AblationFacts, ablationText } from '../evaluation/ablation-text.js';
import { ABLATIONS, type Ablation, modelConfig } from '../model/config.js';
import {
  type AblationWork,
  ablationRuns,
  collectRuns,
  isEvaluated,
  iterationsDone,
  readEvaluation,
  runAblation,
} from '../node/ablation.js';
import { ablationGrid } from '../node/ablation-grid.js';
import { writeFileAtomic } from '../node/files.js';
import { encodePng } from '../node/images.js';
import { findScorers } from '../node/scorers.js';
import { loadFeatures } from '../node/weights.js';
import { open } from '../node.js';
import {
  DEFAULT_ITERATIONS,
  dataOf,
  MODEL_WORDS,
  SETTINGS,
  settingsOf,
  settingsPath,
  sharedSettings,
  variantsOf,
} from './ablation-settings.js';
import type { Command, Values } from './command.js';
import { EXIT } from './failures.js';
import { progress } from './progress.js';
import { chosenModel } from './selection.js';
import { isMerge, itemsOf, shardOf } from './shard.js';
import { interruption } from './signals.js';
import { logger, sayJson, sayLayout } from './terminal.js';
import { noMore, positive, requiredOutput, text, whole } from './values.js';

/** The first pairs of a dataset with different targets, for the picture grid. */
function forGrid(dataset: Dataset, rows: number): Dataset {
  const seen = new Set<number>();
  const chosen: number[] = [];
  for (let i = 0; i < dataset.pairs.length && chosen.length < 2 * rows; i += 2) {
    const [a, b] = [dataset.pairs[i] as number, dataset.pairs[i + 1] as number];
    if (!seen.has(b)) chosen.push(a, b);
    seen.add(b);
  }
  return { ...dataset, pairs: Uint32Array.from(chosen) };
}

async function run(given: Values, positionals: string[]): Promise<number> {
  const merging = isMerge(given, ['out', 'rows', 'data', 'skeleton']);
  if (!merging) noMore(positionals, given);
  const folder = requiredOutput(given, 'out', 'folder');
  const shard = shardOf(given);
  const values = merging
    ? sharedSettings(folder, positionals, given)
    : settingsOf(given, folder, given.resume === true || shard !== undefined);
  const model = chosenModel(values);
  const [variants, seeds] = [variantsOf(values), whole(values, 'seeds', 1, 1)];
  const features = text(values, 'features');
  const configOf = (ablation: Ablation) => {
    const { joints, parts } = model.config;
    const config = modelConfig({ ...model.recipe, ablation });
    return { ...config, joints, parts, learningRate: positive(values, 'learning-rate', config.learningRate) };
  };
  // Wrong options are refused now, and not after hours of training.
  const rows = whole(given, 'rows', 6, 1);
  const [saveEvery, workers] = [whole(given, 'save-every', 500, 1), whole(given, 'workers', 1, 1)];
  const log = logger(given.json === true);
  const runs = ablationRuns(folder, variants, seeds);
  if (merging) collectRuns(runs, folder, positionals);
  // Errors about weights come before the first training, not after it.
  const loaded = variants.map((v) => loadFeatures(configOf(v), features));
  findScorers({ skeleton: model.skeleton, format: 'memory' });
  const data = await dataOf(values, model);
  const adapter = text(given, 'adapter');
  writeFileAtomic(settingsPath(folder), `${JSON.stringify(values, null, 2)}\n`);
  if (!merging) {
    for (const note of new Set(loaded.flatMap((f) => f.note ?? []))) log(note);
    const own = shard ? itemsOf(runs, shard) : runs;
    const code = await trainAll(log, folder, {
      ...{
        ...data,
        runs: own,
        configOf,
        saveEvery,
        workers,
        iterations: whole(values, 'iterations', DEFAULT_ITERATIONS, 1),
      },
      batch: text(values, 'batch') === undefined ? undefined : model.batch,
      recipeOf: (ablation) => ({ ...model.recipe, ablation }),
      featuresOf: (config) => loadFeatures(config, features),
      open: () => open({ adapter }),
      scorers: () => findScorers({ skeleton: model.skeleton, format: 'memory' }),
    });
    if (code !== EXIT.done) return code;
  }
  const missing = runs.filter((r) => !isEvaluated(r));
  if (missing.length) {
    const names = missing.map((r) => basename(r.folder)).join(', ');
    log(
      `this part is complete; ${names} ${missing.length > 1 ? 'are' : 'is'} not in ${folder} yet. ` +
        `pose-gan ablate --out ${folder} --merge [PART…] writes the tables when all are done`,
    );
    return EXIT.done;
  }
  const result = summariseAblation(runs.map(readEvaluation));
  const table = ablationText(result, factsOf(values, loaded.find((f) => f.kind !== 'none')?.kind));
  const engine = await open({ adapter });
  try {
    const shown = runs.filter((r) => r.seed === 0);
    const grid = await ablationGrid(engine, forGrid(data.test, rows), shown);
    writeFileAtomic(join(folder, 'grid.png'), encodePng(grid));
  } finally {
    engine.device.destroy();
  }
  writeFileAtomic(join(folder, 'results.md'), `${table.join('\n')}\n\n![A row for each pair](grid.png)\n`);
  writeFileAtomic(join(folder, 'results.json'), `${JSON.stringify(result, null, 2)}\n`);
  if (given.json) sayJson(result);
  else {
    sayLayout(table.join('\n'));
    log('', `tables: ${join(folder, 'results.md')}, pictures: ${join(folder, 'grid.png')}`);
  }
  return EXIT.done;
}

/** Trains and evaluates what is not complete, with one bar for all. Returns the exit code. */
async function trainAll(
  log: ReturnType<typeof logger>,
  folder: string,
  work: Omit<AblationWork, 'signal' | 'onProgress' | 'onNote'>,
): Promise<number> {
  const from = iterationsDone(work.runs, work.iterations);
  const bar = progress('ablation', work.runs.length * work.iterations, { from, unit: 'iterations' });
  const { signal, code, release } = interruption(log);
  try {
    const onProgress = (done: number, what: string) => bar.update(done, what);
    const complete = await runAblation({ ...work, signal, onProgress, onNote: log });
    bar.end();
    if (complete) return EXIT.done;
    log(`stopped; pose-gan ablate --out ${folder} --resume continues`);
    return code() ?? EXIT.failed;
  } finally {
    bar.end();
    release();
  }
}

/** What a reader of the tables has to know, in sentences. */
function factsOf(values: Values, features: string | undefined): AblationFacts {
  const { preset = 'paper', size = 'market', width = '1' } = values;
  const iterations = whole(values, 'iterations', DEFAULT_ITERATIONS, 1).toLocaleString('en');
  const batch = text(values, 'batch');
  const batches = batch === undefined ? 'batches of each variant’s usual size' : `batches of ${batch}`;
  const rate = text(values, 'learning-rate');
  return {
    title: `Ablation on ${values.name}`,
    lines: [
      `The models have the preset ${preset}, the size ${size} and ${width} of the width.`,
      `Each was trained for ${iterations} iterations on ${batches}${rate === undefined ? '' : `, with the learning rate ${rate}`}.`,
      ...(features
        ? [`Losses that compare features used ${features === 'vgg19' ? 'VGG-19' : 'the built-in filter bank'}.`]
        : []),
    ],
  };
}

export const ablate: Command = {
  name: 'ablate',
  summary:
    'trains and evaluates the variants of the paper’s Section 4.3 under one budget, and writes the table and a picture grid',
  usage: '--data FOLDER --name D --out FOLDER [--iterations N] [--seeds K] | --out FOLDER --merge PART…',
  options: {
    ...SETTINGS,
    out: { type: 'string' },
    'save-every': { type: 'string' },
    workers: { type: 'string' },
    rows: { type: 'string' },
    resume: { type: 'boolean' },
    shard: { type: 'string' },
    merge: { type: 'boolean' },
  },
  help: {
    data: 'the folder with D-dataset, D-annotation-*.csv and D-pairs-*.csv, both halves',
    name: 'the name D of the dataset',
    ...MODEL_WORDS,
    batch: 'pairs per iteration for every variant (default: each variant’s own, which is 4 but for fashion)',
    iterations: `the number of iterations of every training (default: ${DEFAULT_ITERATIONS})`,
    'learning-rate': 'the learning rate of Adam (default: 0.0002)',
    variants: `the variants, with commas (default: ${ABLATIONS.join(',')})`,
    seeds: 'the number of seeds, 0 to K − 1; each variant is trained once for each (default: 1)',
    pairs: 'the largest number of test pairs, drawn without replacement (default: 1000)',
    resize: 'resize images of another size, joints included',
    'skip-bad': 'skip and count what cannot be used',
    out: 'the folder for the runs, results.md, results.json and grid.png',
    'save-every': 'iterations between checkpoints, from which an ended ablation can be resumed (default: 500)',
    workers: 'the number of decoding threads (default: 1)',
    rows: 'the number of pairs in the picture grid (default: 6)',
    resume: 'continue the ablation in --out with its settings; --seeds and --variants can add runs',
    shard: 'i/n: do only part i of n of the trainings; the parts may share --out or have folders of their own',
    merge:
      'write the tables from complete parts; other folders than --out are named after it. --data names the data, if they are elsewhere here',
  },
  examples: [
    'pose-gan ablate --data data --name synth --size small --width 0.125 --iterations 3000 --seeds 2 --out ablation',
    'pose-gan ablate --out ablation --resume',
    'pose-gan ablate --data data --name market --variants baseline,dsc,full --iterations 90000 --out ablation',
    'pose-gan ablate --data data --name market --seeds 3 --shard 2/18 --out part2   # on one of 18 machines',
    'pose-gan ablate --out ablation --merge part1 part2 part3',
  ],
  run,
};
