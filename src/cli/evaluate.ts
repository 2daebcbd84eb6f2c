import { compareEvaluations, expectSamePairs } from '../evaluation/compare.js';
import { type EvaluationDocument, FORMAT, parseEvaluation } from '../evaluation/document.js';
import { Ranking } from '../evaluation/extremes.js';
import { INCEPTION_RESIZES } from '../evaluation/inception.js';
import { fidResizeOf } from '../evaluation/inception-scorer.js';
import type { Metric } from '../evaluation/metric.js';
import { evaluationPage } from '../evaluation/page.js';
import { protocolOf } from '../evaluation/protocol.js';
import { SIMILARITY } from '../evaluation/similarity.js';
import { evaluationCsv, evaluationText } from '../evaluation/text.js';
import { evaluate as evaluatePairs } from '../node/evaluate.js';
import { readJson, writeFileAtomic } from '../node/files.js';
import { pairPictures } from '../node/pair-pictures.js';
import { referenceFolder } from '../node/reference.js';
import { findScorers } from '../node/scorers.js';
import { type Engine, open } from '../node.js';
import { VERSION } from '../version.js';
import type { Command, Values } from './command.js';
import { type EvaluationInput, evaluationInput } from './evaluation-input.js';
import { progress } from './progress.js';
import { say, sayJson } from './terminal.js';
import { noMore, output, text, whole } from './values.js';

/** The pairs that a page shows are the best and the worst by this metric. */
const RANKED = SIMILARITY.find(({ key }) => key === 'ssim') as Metric;
const SHOWN = 8;

/** Reads the evaluation of `--compare` before any work is done. */
function older(values: Values) {
  const file = text(values, 'compare');
  return file === undefined ? undefined : { file, evaluation: parseEvaluation(readJson(file, 'evaluation'), file) };
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const files = {
    out: output(values, 'out', 'file'),
    csv: output(values, 'csv', 'file'),
    html: output(values, 'html', 'file'),
  };
  const before = older(values);
  const folder = text(values, 'reference');
  const reference = folder === undefined ? undefined : referenceFolder(folder);
  const input = await evaluationInput(values);
  const without = (text(values, 'without') ?? '').split(',').flatMap((word) => word.trim() || []);
  const fidResize = fidResizeOf(text(values, 'fid-resize'));
  const ranking = new Ranking(RANKED, SHOWN);
  const threads = text(values, 'threads') === undefined ? undefined : whole(values, 'threads', 1, 1);
  const scorers = findScorers({
    without,
    format: input.format,
    fidResize,
    ...(input.skeleton && { skeleton: input.skeleton }),
    ...(reference && { reference }),
    ...(threads !== undefined && { workers: threads }),
  });
  const protocol = protocolOf(text(values, 'protocol'), input.height, input.width);
  const { pairs } = input;
  if (before) expectSamePairs({ size: [protocol.height, protocol.width], pairs }, before.evaluation, before.file);
  const needsEngine = input.needsEngine || scorers.needsEngine;
  const engine = needsEngine ? await open({ adapter: text(values, 'adapter') }) : undefined;
  try {
    const document = await evaluateInput(input, engine, scorers, { protocol, ranking });
    const comparison = before && compareEvaluations(document, before.evaluation, before.file);
    const whole = { ...document, ...(comparison && { comparison }) };
    if (files.out) writeFileAtomic(files.out, `${JSON.stringify(whole, null, 2)}\n`);
    if (files.csv) writeFileAtomic(files.csv, evaluationCsv(document));
    if (files.html) writeFileAtomic(files.html, evaluationPage(document, pairPictures(ranking), comparison));
    if (values.json) sayJson(whole);
    else say(...evaluationText(document, comparison));
    return 0;
  } finally {
    engine?.device.destroy();
  }
}

/** A bar for each kind of work after the pairs. */
function finishingBars() {
  const bars = new Map<string, ReturnType<typeof progress>>();
  return {
    update: (what: string, done: number, total: number) => {
      if (!bars.has(what)) for (const bar of bars.values()) bar.end();
      const bar = bars.get(what) ?? progress(what, total);
      bars.set(what, bar);
      bar.update(done);
    },
    end: () => {
      for (const bar of bars.values()) bar.end();
    },
  };
}

async function evaluateInput(
  input: EvaluationInput,
  engine: Engine | undefined,
  scorers: ReturnType<typeof findScorers>,
  options: { protocol: ReturnType<typeof protocolOf>; ranking: Ranking },
): Promise<EvaluationDocument> {
  const { source, cost } = await input.open(engine);
  const bar = progress('evaluating', source.count, { unit: 'pairs' });
  const started = performance.now();
  const list = await scorers.open(engine);
  const finishing = finishingBars();
  const result = await evaluatePairs(source, list, {
    ...options,
    onProgress: (done) => bar.update(done),
    onFinishing: finishing.update,
  }).finally(() => {
    bar.end();
    finishing.end();
  });
  const { pairs, identities, metrics, better, intervals, scores } = result;
  return {
    ...{ format: FORMAT, library: VERSION, date: new Date().toISOString(), title: input.title, source: input.facts },
    size: [options.protocol.height, options.protocol.width],
    protocol: options.protocol.title,
    ...{ pairs, identities, intervals, metrics: [...metrics, ...scorers.missing], better },
    ...(cost && { cost }),
    notes: input.notes,
    seconds: (performance.now() - started) / 1000,
    scores,
  };
}

export const evaluate: Command = {
  name: 'evaluate',
  summary:
    'compares generated images with the real ones, in the columns of the paper’s tables and with every convention named',
  usage: '(--checkpoint FILE|RUN --data FOLDER --name D | --triptychs FOLDER) [options]',
  options: {
    checkpoint: { type: 'string' },
    data: { type: 'string' },
    name: { type: 'string' },
    split: { type: 'string' },
    triptychs: { type: 'string' },
    layout: { type: 'string' },
    poses: { type: 'string' },
    skeleton: { type: 'string' },
    protocol: { type: 'string' },
    reference: { type: 'string' },
    'fid-resize': { type: 'string' },
    without: { type: 'string' },
    limit: { type: 'string' },
    batch: { type: 'string' },
    seed: { type: 'string' },
    threads: { type: 'string' },
    out: { type: 'string' },
    csv: { type: 'string' },
    html: { type: 'string' },
    compare: { type: 'string' },
    resize: { type: 'boolean' },
    'skip-bad': { type: 'boolean' },
  },
  help: {
    checkpoint: 'a checkpoint, or the folder of a run, from which the latest checkpoint is used',
    data: 'the data folder of --checkpoint',
    name: 'the name of the dataset in it',
    split: 'train or test (default)',
    triptychs:
      'a folder of pictures that show source, target and generated image side by side, in place of a checkpoint',
    layout:
      'the panels of these pictures from left to right (default: source,target,generated); other words are panels to ignore',
    poses: 'an annotation table with the poses of the targets, which gives triptychs their masks',
    skeleton: 'a skeleton JSON file for --poses (default: the person with 18 joints)',
    protocol:
      '256x256 or 256x176: DeepFashion as this paper or as its successors compare it, who keep the middle 176 columns',
    reference: 'a folder of real images with which FID compares (default: the real targets)',
    'fid-resize': `how images are resized for FID: ${Object.keys(INCEPTION_RESIZES).join(', ')} (default: the first)`,
    without:
      'networks whose metrics are left out although they are installed, by their names in pose-gan weights, with commas',
    limit: 'the number of pairs, drawn without replacement (default: all)',
    batch: 'the number of pairs generated at once (default: that of the training)',
    seed: 'seed of that sample and of the noise (default 0)',
    threads: 'the number of threads that compare images (default: one for each core, at most 8)',
    out: 'a JSON file for the whole evaluation, as --json prints it, with the scores of every pair',
    csv: 'a CSV file for the scores of every pair',
    html: 'an HTML file with the tables, histograms, and the best and worst pairs as pictures',
    compare: 'a JSON file of --out for the same pairs; shows the paired differences with their intervals',
    resize: 'resize images of another size to that of the model, joints included',
    'skip-bad': 'skip pairs that cannot be used',
  },
  examples: [
    'pose-gan evaluate --checkpoint runs/first --data data --name synth',
    'pose-gan evaluate --checkpoint runs/first --data data --name market --limit 500 --out report.json --html report.html',
    'pose-gan evaluate --checkpoint runs/second --data data --name market --limit 500 --compare report.json',
    'pose-gan evaluate --triptychs results --poses data/market-annotation-test.csv --csv scores.csv',
    'pose-gan evaluate --triptychs out --layout source,pose,target,generated --protocol 256x176',
  ],
  run,
};
