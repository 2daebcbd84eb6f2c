import { parseAnnotations } from '../data/annotations.js';
import { identityByName } from '../data/identity.js';
import { allPairs, formatPairs, groupByIdentity, type PairSummary, sample, summarise } from '../data/pairs.js';
import { UsageError } from '../gpu/errors.js';
import { readSkeleton, readTable, writeFileAtomic } from '../node/files.js';
import { identityPattern } from '../node/identity.js';
import type { Command, Values } from './command.js';
import { note, say, sayJson } from './terminal.js';
import { noMore, required, requiredOutput, text, whole } from './values.js';

const number = (n: number) => n.toLocaleString('en');

/** The counts as text, with a warning if the identity rule seems wrong. */
function report(s: PairSummary, written: number, out: string): string[] {
  const { min, median, max } = s.imagesPerIdentity;
  const examples = s.examples.map((e) => `${e.identity} (${e.images})`).join(', ');
  const excluded = s.neverPaired ? ` (${number(s.neverPaired)} more are junk or distractors, never paired)` : '';
  return [
    `${number(s.rows)} rows → ${number(s.valid - s.neverPaired)} valid images${excluded}`,
    `${number(s.identities)} identities → ${number(s.pairs)} pairs`,
    `images per identity: at least ${min}, median ${median}, at most ${max}; for example ${examples}`,
    ...s.warnings.map((w) => `WARNING: ${w}. Set the rule with --identity.`),
    `${number(written)} pairs written to ${out}`,
  ];
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const file = required(values, 'annotations');
  const out = requiredOutput(values, 'out', 'file');
  const pattern = text(values, 'identity');
  const count = text(values, 'sample') === undefined ? undefined : whole(values, 'sample', 1, 1);
  const seed = whole(values, 'seed', 0);
  const skeleton = readSkeleton(text(values, 'skeleton'));
  const bad: string[] = [];
  const onBad = values['skip-bad'] ? (error: UsageError) => bad.push(error.message) : undefined;
  const poses = parseAnnotations(readTable(file, 'annotation table'), file, skeleton, { onBad, onNote: note });
  const rule = pattern === undefined ? identityByName : identityPattern(pattern, [...poses.keys()]);
  const summary = summarise(poses, skeleton, rule);
  const all = allPairs(groupByIdentity(poses, skeleton, rule));
  if (!all.length)
    throw new UsageError(
      `${file} gives no pair: ${summary.rows} rows, ${summary.valid} valid images, ${summary.identities} identities` +
        `${summary.warnings.map((w) => `; ${w}`).join('')}`,
    );
  const pairs = count === undefined ? all : sample(all, count, seed);
  writeFileAtomic(out, formatPairs(pairs));
  if (values.json) sayJson({ ...summary, written: pairs.length, out, skipped: bad });
  else {
    if (bad.length) say(`${number(bad.length)} malformed rows were skipped, the first: ${bad[0]}`);
    say(...report(summary, pairs.length, out));
  }
  return 0;
}

export const pairs: Command = {
  name: 'pairs',
  summary: 'makes a pairs table from an annotation table, and shows whether the identity rule fits',
  usage: '--annotations FILE --out FILE [options]',
  options: {
    annotations: { type: 'string' },
    out: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string' },
    skeleton: { type: 'string' },
    identity: { type: 'string' },
    'skip-bad': { type: 'boolean' },
  },
  help: {
    annotations: 'the annotation table to read (name:keypoints_y:keypoints_x)',
    out: 'the pairs table to write (from,to)',
    sample: 'write only this many pairs, drawn without replacement (default: all)',
    seed: 'seed of that sample (default 0)',
    skeleton: 'a skeleton JSON file (default: the person with 18 joints)',
    identity:
      'a regular expression whose first group is the identity (default: the name up to the first _, or up to the number of the clothes for names of DeepFashion’s In-shop benchmark)',
    'skip-bad': 'skip malformed rows and count them',
  },
  examples: [
    'pose-gan pairs --annotations data/market-annotation-train.csv --out data/market-pairs-train.csv',
    'pose-gan pairs --annotations data/market-annotation-test.csv --out data/market-pairs-test.csv --sample 12000 --seed 1',
    'pose-gan pairs --annotations data/fashion-annotation-train.csv --out data/fashion-pairs-train.csv',
    "pose-gan pairs --annotations photos.csv --out pairs.csv --identity '^(person\\d+)-'",
  ],
  run,
};
