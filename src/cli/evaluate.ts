import type { Scores } from '../metrics/metrics.js';
import { frameOf, generatorParameters } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { loadCheckpoint } from '../node/checkpoint-files.js';
import { type Evaluation, evaluate as evaluatePairs } from '../node/evaluate.js';
import { writeFileAtomic } from '../node/files.js';
import { open } from '../node.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { limitOf, selectedPairs, splitOf } from './selection.js';
import { say, sayJson } from './terminal.js';
import { noMore, output, required, text, whole } from './values.js';

const ROWS: readonly [key: keyof Scores, label: string, digits: number][] = [
  ['l1', 'L1, of 0 … 255 (lower is better)', 2],
  ['psnr', 'PSNR in dB', 2],
  ['ssim', 'SSIM, as published', 4],
  ['ssim255', 'SSIM, data range 255', 4],
  ['maskSsim', 'mask-SSIM, as published', 4],
  ['maskSsim255', 'mask-SSIM, data range 255', 4],
];

function tableOf({ generator, copy, better, pairs }: Evaluation): string[] {
  const width = Math.max(...ROWS.map(([, label]) => label.length));
  const line = (a: string, b: string, c: string) => `${a.padEnd(width)}  ${b.padStart(9)}  ${c.padStart(15)}`;
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  return [
    line(`mean over ${pairs.toLocaleString('en')} pairs`, 'generated', 'copied source'),
    ...ROWS.map(([key, label, digits]) => line(label, generator[key].toFixed(digits), copy[key].toFixed(digits))),
    `closer to the target than the copy: by L1 ${percent(better.l1)} of the pairs, by SSIM ${percent(better.ssim)}`,
  ];
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const checkpoint = loadCheckpoint(required(values, 'checkpoint'));
  const { config, step, recipe, features } = checkpoint.info;
  const set = generatorParameters(checkpoint);
  const seed = whole(values, 'seed', 0);
  const batch = whole(values, 'batch', config.batch, 1);
  const dataset = await selectedPairs(values, frameOf(checkpoint), { limit: limitOf(values), seed });
  const out = output(values, 'out', 'file');
  const engine = await open({ adapter: text(values, 'adapter') });
  const bar = progress('evaluating', dataset.pairs.length / 2, { unit: 'pairs' });
  try {
    const model = await Generator.create(engine, config, batch, { set, seed });
    const started = performance.now();
    const result = await evaluatePairs(model, dataset, { onProgress: (done) => bar.update(done) });
    bar.end();
    const report = {
      checkpoint: checkpoint.path,
      step,
      recipe,
      features,
      data: { folder: text(values, 'data'), name: dataset.name, split: splitOf(values), skipped: dataset.skipped },
      seed,
      adapter: engine.adapterName,
      seconds: (performance.now() - started) / 1000,
      ...result,
    };
    if (out) writeFileAtomic(out, `${JSON.stringify(report, null, 2)}\n`);
    if (values.json) sayJson(report);
    else say(...tableOf(result));
    return 0;
  } finally {
    bar.end();
    engine.device.destroy();
  }
}

export const evaluate: Command = {
  name: 'evaluate',
  summary: 'compares generated images with the real ones by L1, SSIM and mask-SSIM, and the source images too',
  usage: '--checkpoint FILE|RUN --data FOLDER --name D [--split test] [--limit N] [--out report.json]',
  options: {
    checkpoint: { type: 'string' },
    data: { type: 'string' },
    name: { type: 'string' },
    split: { type: 'string' },
    limit: { type: 'string' },
    batch: { type: 'string' },
    seed: { type: 'string' },
    out: { type: 'string' },
    resize: { type: 'boolean' },
    'skip-bad': { type: 'boolean' },
  },
  help: {
    checkpoint: 'a checkpoint, or the folder of a run, from which the latest checkpoint is used',
    data: 'the data folder',
    name: 'the name of the dataset in it',
    split: 'train or test (default)',
    limit: 'the number of pairs, drawn without replacement (default: all)',
    batch: 'the number of pairs at once (default: that of the training)',
    seed: 'seed of that sample and of the noise (default 0)',
    out: 'a JSON file for the report',
    resize: 'resize images of another size to that of the model, joints included',
    'skip-bad': 'skip pairs that cannot be used',
  },
  examples: [
    'pose-gan evaluate --checkpoint runs/first --data data --name synth',
    'pose-gan evaluate --checkpoint runs/first --data data --name market --limit 500 --out report.json',
  ],
  run,
};
