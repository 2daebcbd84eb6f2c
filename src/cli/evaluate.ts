import { compareEvaluations, expectSamePairs } from '../evaluation/compare.js';
import { type EvaluationDocument, parseEvaluation } from '../evaluation/document.js';
import { INCEPTION_RESIZES } from '../evaluation/inception.js';
import { fidResizeOf } from '../evaluation/inception-scorer.js';
import { type Extremes, evaluationPage } from '../evaluation/page.js';
import { protocolOf } from '../evaluation/protocol.js';
import type { EvaluatedPair } from '../evaluation/scorer.js';
import { evaluationCsv, evaluationText } from '../evaluation/text.js';
import { UsageError } from '../gpu/errors.js';
import { readJson, realPath, writeFileAtomic } from '../node/files.js';
import { mergeEvaluation } from '../node/merge-evaluation.js';
import { extremes, newRanking, pairPicture } from '../node/pair-pictures.js';
import { nameOf, type Shard } from '../node/parts.js';
import { referenceFolder } from '../node/reference.js';
import { findScorers } from '../node/scorers.js';
import { open } from '../node.js';
import type { Command, Values } from './command.js';
import { batchesOf, evaluateAll, finishingBars, type Prepared, workOf, writePart } from './evaluate-run.js';
import { evaluationInput } from './evaluation-input.js';
import { isMerge, rangeOf, shardOf } from './shard.js';
import { say, sayJson } from './terminal.js';
import { noMore, output, requiredOutput, text, whole } from './values.js';

/** The options for what is made of a whole evaluation, besides its document. */
const RESULTS = ['csv', 'html', 'compare'];

type Older = ReturnType<typeof older>;

/** Reads the evaluation of `--compare` before any work is done. */
function older(values: Values) {
  const file = text(values, 'compare');
  return file === undefined ? undefined : { file, evaluation: parseEvaluation(readJson(file, 'evaluation'), file) };
}

/** Checks what the options name, all of it or one part. */
async function prepare(values: Values, shard: Shard | undefined): Promise<Prepared> {
  const folder = text(values, 'reference');
  const reference =
    folder === undefined ? undefined : referenceFolder(folder, (paths) => (shard ? rangeOf(paths, shard) : paths));
  const input = await evaluationInput(values);
  const without = (text(values, 'without') ?? '').split(',').flatMap((word) => word.trim() || []);
  const threads = text(values, 'threads') === undefined ? undefined : whole(values, 'threads', 1, 1);
  const scorers = findScorers({
    without,
    format: input.format,
    fidResize: fidResizeOf(text(values, 'fid-resize')),
    // A part runs its networks as one run for all pairs does, so that it computes the same bits.
    batch: Math.min(input.batch, input.pairs.length),
    isPart: shard !== undefined,
    ...(input.skeleton && { skeleton: input.skeleton }),
    ...(reference && { reference }),
    ...(threads !== undefined && { workers: threads }),
  });
  const protocol = protocolOf(text(values, 'protocol'), input.height, input.width);
  return { input, scorers, protocol, ranking: newRanking<EvaluatedPair>(), reference };
}

async function run(values: Values, positionals: string[]): Promise<number> {
  if (isMerge(values, ['out', ...RESULTS])) return merge(values, positionals);
  noMore(positionals);
  const shard = shardOf(values);
  if (shard) return part(values, shard);
  expectDifferent(values);
  const write = writer(values);
  const prepared = await prepare(values, undefined);
  const { input, protocol, ranking } = prepared;
  if (write.before)
    expectSamePairs(
      { size: [protocol.height, protocol.width], pairs: input.pairs },
      write.before.evaluation,
      write.before.file,
    );
  const engine = await engineFor(prepared, values);
  try {
    const document = await evaluateAll(prepared, engine);
    write.all(document, () => extremes(ranking, pairPicture));
    return 0;
  } finally {
    engine?.device.destroy();
  }
}

const engineFor = async ({ input, scorers }: Prepared, values: Values) =>
  input.needsEngine || scorers.needsEngine ? await open({ adapter: text(values, 'adapter') }) : undefined;

/** Evaluates one part of the pairs. */
async function part(values: Values, shard: Shard): Promise<number> {
  const foreign = RESULTS.find((name) => values[name] !== undefined);
  if (foreign !== undefined)
    throw new UsageError(`--shard writes one part, and --${foreign} needs all of them; give it to --merge`);
  const file = requiredOutput(values, 'out', 'file');
  const prepared = await prepare(values, shard);
  batchesOf(prepared, shard);
  const work = workOf(prepared);
  const engine = await engineFor(prepared, values);
  try {
    const pairs = await writePart(prepared, engine, shard, { file, work });
    const of = prepared.input.pairs.length;
    if (values.json) sayJson({ shard: nameOf(shard), pairs, of, out: file });
    else
      say(
        `${file} written, part ${nameOf(shard)} with ${pairs} of ${of} pairs; pose-gan evaluate --merge PART… makes the tables of all parts`,
      );
    return 0;
  } finally {
    engine?.device.destroy();
  }
}

/** Throws `UsageError` if two of the files to write are one, or if one of them is a part. */
function expectDifferent(values: Values, parts: readonly string[] = []): void {
  const used = new Map(parts.map((part) => [realPath(part), `the part ${part}`]));
  for (const name of ['out', 'csv', 'html']) {
    const file = text(values, name);
    const path = file && realPath(file);
    if (!path) continue;
    const other = used.get(path);
    if (other) throw new UsageError(`--${name} ${file} would replace ${other}; name another file`);
    used.set(path, `the file of --${name}`);
  }
}

/** Makes the tables and files of complete parts. */
function merge(values: Values, parts: readonly string[]): number {
  expectDifferent(values, parts);
  const write = writer(values);
  const bars = finishingBars();
  try {
    const { document, ranking } = mergeEvaluation(parts, bars.update);
    bars.end();
    write.all(document, () => extremes(ranking, ({ pair }) => pair));
    return 0;
  } finally {
    bars.end();
  }
}

/** Checks, before any work, that the files of the options can be written. `all` then writes and prints an evaluation. */
function writer(values: Values) {
  const files = {
    out: output(values, 'out', 'file'),
    csv: output(values, 'csv', 'file'),
    html: output(values, 'html', 'file'),
  };
  const before: Older = older(values);
  const all = (document: EvaluationDocument, pictures: () => Extremes) => {
    const comparison = before && compareEvaluations(document, before.evaluation, before.file);
    const whole = { ...document, ...(comparison && { comparison }) };
    if (files.out) writeFileAtomic(files.out, `${JSON.stringify(whole, null, 2)}\n`);
    if (files.csv) writeFileAtomic(files.csv, evaluationCsv(document));
    if (files.html) writeFileAtomic(files.html, evaluationPage(document, pictures(), comparison));
    if (values.json) sayJson(whole);
    else say(...evaluationText(document, comparison));
  };
  return { before, all };
}

export const evaluate: Command = {
  name: 'evaluate',
  summary:
    'compares generated images with the real ones, in the columns of the paper’s tables and with every convention named',
  usage: '(--checkpoint FILE|RUN --data FOLDER --name D | --triptychs FOLDER) [options] | --merge PART… [options]',
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
    shard: { type: 'string' },
    merge: { type: 'boolean' },
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
    out: 'a JSON file for the whole evaluation, as --json prints it, with the scores of every pair; with --shard the file of the part',
    csv: 'a CSV file for the scores of every pair',
    html: 'an HTML file with the tables, histograms, and the best and worst pairs as pictures',
    compare: 'a JSON file of --out for the same pairs; shows the paired differences with their intervals',
    resize: 'resize images of another size to that of the model, joints included',
    'skip-bad': 'skip pairs that cannot be used',
    shard: 'i/n: evaluate only part i of n of the pairs, and write it to the file --out for --merge',
    merge: 'print and write what one run for all pairs does, from the files of all parts, which are named after it',
  },
  examples: [
    'pose-gan evaluate --checkpoint runs/first --data data --name synth',
    'pose-gan evaluate --checkpoint runs/first --data data --name market --limit 500 --out report.json --html report.html',
    'pose-gan evaluate --checkpoint runs/second --data data --name market --limit 500 --compare report.json',
    'pose-gan evaluate --triptychs results --poses data/market-annotation-test.csv --csv scores.csv',
    'pose-gan evaluate --triptychs out --layout source,pose,target,generated --protocol 256x176',
    'pose-gan evaluate --checkpoint runs/first --data data --name market --shard 2/8 --out part2   # on one of 8 machines',
    'pose-gan evaluate --merge part1 part2 part3 part4 part5 part6 part7 part8 --out report.json --html report.html',
  ],
  run,
};
