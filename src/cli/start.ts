import { join, resolve } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { synthTotal } from '../data/synth-dataset.js';
import type { Evaluation } from '../evaluation/document.js';
import { weightsOf } from '../model/checkpoint.js';
import { modelConfig } from '../model/config.js';
import type { LogRow } from '../model/iterate.js';
import { generatorParameters } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { listCheckpoints, loadCheckpoint } from '../node/checkpoint-files.js';
import { datasetPaths, openDataset } from '../node/dataset.js';
import { evaluate } from '../node/evaluate.js';
import { isThere, namesIn, readBytes, writeFileAtomic } from '../node/files.js';
import { readImageHeader } from '../node/images.js';
import { generatedPairs } from '../node/pair-source.js';
import { renderReport } from '../node/report.js';
import { trainRun } from '../node/run.js';
import { similarityScorer } from '../node/similarity-scorer.js';
import { writeSynthDataset } from '../node/synth-dataset.js';
import { type Engine, open } from '../node.js';
import { PERSON } from '../pose/skeleton.js';
import type { Command, Values } from './command.js';
import { duration, progress } from './progress.js';
import { interruption } from './signals.js';
import { logger, sayJson } from './terminal.js';
import { noMore, output, positive, text, whole } from './values.js';

/** A model that learns something in two minutes on a CPU: small images, an eighth of the channels, and L1 in addition to the GAN loss. */
const RECIPE = { preset: 'paper', size: 'small', ablation: 'dsc', width: 1 / 8 } as const;
const LEARNING_RATE = 1e-3;
const NAME = 'synth';
/** The number of evaluated pairs, which show unseen people. */
const TEST_PAIRS = 100;

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const out = output({ ...values, out: text(values, 'out') ?? 'out' }, 'out', 'folder') as string;
  const seconds = 60 * positive(values, 'minutes', 2);
  const seed = whole(values, 'seed', 0);
  const json = values.json === true;
  const log = logger(json);
  const began = performance.now();
  const config = { ...modelConfig(RECIPE), learningRate: LEARNING_RATE };
  const data = join(out, 'data');
  const folder = join(out, 'run');
  const { height, width } = config;

  if (!isThere(datasetPaths(data, NAME, 'test').annotations)) {
    const trainIdentities = whole(values, 'identities', 120, 2);
    const counts = { trainIdentities, testIdentities: Math.ceil(trainIdentities / 6), imagesPerIdentity: 8 };
    const people = { ...counts, height, width, seed: 0 };
    const bar = progress('drawing people', synthTotal(people), { unit: 'images' });
    const options = { folder: data, name: NAME, ...people, overwrite: true };
    writeSynthDataset({ ...options, onProgress: (done) => bar.update(done) });
    bar.end();
  }
  const common = { folder: data, name: NAME, height, width, skeleton: PERSON };
  const train = await openDataset({ ...common, split: 'train' });
  const test = await openDataset({ ...common, split: 'test', select: { limit: TEST_PAIRS, seed: 1 } });
  log(
    `people: ${train.images.length} pictures for training, ${test.images.length} of other people for testing (${data})`,
  );

  let engine: Engine | undefined;
  const openEngine = async () => {
    engine = await open({ adapter: text(values, 'adapter') });
    log(`adapter: ${engine.adapterName}`);
    return engine;
  };
  const resume = listCheckpoints(folder).length > 0;
  if (resume) log(`continuing the run in ${folder}`);
  const { signal, code, release } = interruption(log);
  const { rows, note } = await trainFor(seconds, folder, train, test, config, seed, resume, openEngine, signal).finally(
    release,
  );
  log(note);
  const ended = code();
  if (ended !== undefined) return ended;

  const evaluator = await openEngine();
  const result = await evaluateRun(evaluator, folder, test);
  evaluator.device.destroy();
  const report = join(out, 'report.html');
  const adapter = evaluator.adapterName;
  writeFileAtomic(report, reportOf({ folder, adapter, result, rows, began, train, test, out }));
  if (json) sayJson({ report, adapter, iterations: rows.at(-1)?.step ?? 0, ...result, scores: undefined });
  else log(summaryOf(result), `report: ${resolve(report)}`);
  return 0;
}

async function trainFor(
  seconds: number,
  folder: string,
  train: Dataset,
  test: Dataset,
  config: ReturnType<typeof modelConfig>,
  seed: number,
  resume: boolean,
  openEngine: () => Promise<Engine>,
  interrupted: AbortSignal,
): Promise<{ rows: LogRow[]; note: string }> {
  const controller = new AbortController();
  const bar = progress('training', Math.round(seconds), { unit: 's', rate: false });
  let first: number | undefined;
  let count = 0;
  try {
    const result = await trainRun({
      folder,
      train,
      test,
      config,
      recipe: RECIPE,
      seed,
      batch: config.batch,
      iterations: Number.MAX_SAFE_INTEGER,
      logEvery: 1,
      sampleEvery: 200,
      saveEvery: 500,
      keep: 1,
      resume,
      features: { kind: 'none' },
      open: openEngine,
      signal: AbortSignal.any([controller.signal, interrupted]),
      workers: 1,
      onStep: (row) => {
        first ??= row.seconds;
        count++;
        bar.update(
          Math.min(seconds, row.seconds - first),
          `iteration ${row.step}, L1 ${row.reconstruction.toFixed(3)}`,
        );
        if (row.seconds - first >= seconds) controller.abort();
      },
    });
    const log = new TextDecoder().decode(readBytes(join(folder, 'log.jsonl'), 'log'));
    const rows = log
      .split('\n')
      .filter(Boolean)
      .map((l) => JSON.parse(l) as LogRow);
    return { rows, note: `trained ${count} iterations in ${duration(seconds)}; ${result.checkpoint}` };
  } finally {
    bar.end();
  }
}

async function evaluateRun(engine: Engine, folder: string, test: Dataset): Promise<Evaluation> {
  const checkpoint = loadCheckpoint(folder);
  const set = generatorParameters(checkpoint);
  const model = await Generator.create(engine, checkpoint.info.config, 4, { set });
  model.load(weightsOf(checkpoint, { generator: set }).generator);
  const bar = progress('evaluating', test.pairs.length / 2);
  const scorers = [similarityScorer({ skeleton: test.skeleton })];
  const options = { onProgress: (done: number) => bar.update(done) };
  return evaluate(generatedPairs(model, test), scorers, options).finally(() => bar.end());
}

/** The figures of a metric for the generated images and for copies of the source. */
function figures({ metrics }: Evaluation, key: string, digits: number): [generated: string, copy: string] {
  const metric = metrics.find((m) => m.key === key);
  return [metric?.generated, metric?.copy].map((f) => f?.value.toFixed(digits) ?? 'n/a') as [string, string];
}

function summaryOf(result: Evaluation): string {
  const line = (name: string, key: string, digits: number) =>
    `${name} ${figures(result, key, digits).join(' compared with ')}`;
  return `on ${result.pairs} pairs of unseen people, for generated images compared with copies of the source: ${line('L1', 'l1', 1)} of 255, ${line('SSIM', 'ssim', 3)}`;
}

function reportOf(o: {
  folder: string;
  adapter: string;
  result: Evaluation;
  rows: readonly LogRow[];
  began: number;
  train: Dataset;
  test: Dataset;
  out: string;
}): string {
  const share = (key: string) => `${(100 * (o.result.better[key] ?? 0)).toFixed(0)} %`;
  const end = o.rows.at(-1);
  const recent = o.rows.slice(-50);
  const rate = recent.length > 1 ? (recent.length - 1) / ((end?.seconds ?? 1) - (recent[0]?.seconds ?? 0)) : 0;
  const step = end?.step ?? 0;
  const samples = join(o.folder, 'samples');
  const last = namesIn(samples)
    .filter((f) => f.endsWith('.png'))
    .at(-1);
  const path = last && join(samples, last);
  return renderReport({
    title: 'A pose-GAN, trained here',
    summary: `${summaryOf(o.result)}. ${step} iterations on ${o.adapter}.`,
    log: o.rows,
    pictures: path
      ? [
          {
            caption: `unseen people after ${step} iterations: source, target pose, target, generated`,
            png: readBytes(path),
            width: 4 * readImageHeader(path).width,
          },
        ]
      : [],
    tables: [
      {
        heading: 'On unseen people',
        rows: [
          ['', 'generated', 'copy of the source', 'pairs for which the generated image is better'],
          ['L1 (of 255, lower is better)', ...figures(o.result, 'l1', 2), share('l1')],
          ['SSIM', ...figures(o.result, 'ssim', 4), share('ssim')],
          ['SSIM, data range 255', ...figures(o.result, 'ssim255', 4), share('ssim255')],
          ['mask-SSIM', ...figures(o.result, 'maskSsim', 4), share('maskSsim')],
        ],
      },
      {
        heading: 'Timings',
        rows: [
          ['', ''],
          ['adapter', o.adapter],
          ['iterations', String(step)],
          ['iterations per second at the end', rate.toFixed(2)],
          ['total time', duration((performance.now() - o.began) / 1000)],
          ['pictures', `${o.train.images.length} for training, ${o.test.images.length} for testing`],
        ],
      },
    ],
    next: [
      { command: 'npm start', what: 'continue training from where it stopped' },
      { command: `npx pose-gan animate --checkpoint ${o.folder} --help`, what: 'make a person walk' },
      {
        command: `npx pose-gan inspect --data ${join(o.out, 'data')} --name ${NAME} --checkpoint ${o.folder} --out pair.png`,
        what: 'see heat maps, parts, masks and warps of a pair',
      },
      {
        command: 'npx pose-gan synth --out data && npx pose-gan train --data data --name synth --out run --width 0.25',
        what: 'train a wider net on larger pictures with the nearest-neighbour loss',
      },
    ],
  });
}

export const start: Command = {
  name: 'start',
  summary: 'draws people, trains a small model for two minutes, tests it on other people, and writes a report',
  usage: '[options]',
  options: {
    out: { type: 'string' },
    minutes: { type: 'string' },
    identities: { type: 'string' },
    seed: { type: 'string' },
  },
  help: {
    out: 'the folder for the data, the run and report.html (default: out)',
    minutes: 'minutes of training (default: 2)',
    identities: 'the number of people to draw for training (default: 120); a sixth as many are drawn for testing',
    seed: 'seed of weights, dropout, noise and order (default: 0)',
  },
  examples: ['pose-gan start', 'pose-gan start --minutes 10 --adapter llvmpipe'],
  run,
};
