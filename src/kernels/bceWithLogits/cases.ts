import { at, type Nd, nd } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type Room,
  room,
  type Terms,
  termsOf,
  UnsupportedFixture,
} from '../room.js';
import { bceWithLogits, bceWithLogitsGradientOp, bceWithLogitsOp } from './bceWithLogits.js';
import * as oracle from './oracle.js';

/** Returns test data with large values of both signs, zeros, and ordinary values. */
const wide = (i: number, random: () => number) => [0, 40, -40, 90, -90][i % 9] ?? 6 * random() - 3;
/** Returns a case with one label for all logits. */
const one = (shape: readonly number[], label: number, fill?: typeof wide) => ({
  name: `${shape.join('×')}, label ${label}${fill ? ', extreme values' : ''}`,
  inputs: { logits: { shape, fill } },
  attrs: { label },
});

/** Returns a case in which every logit has a label of its own. */
const labelled = (shape: readonly number[], fill?: typeof wide) => ({
  name: `${shape.join('×')} with labels${fill ? ', extreme values' : ''}`,
  inputs: {
    logits: { shape, fill },
    labels: { shape, fill: (i: number, random: () => number) => [0, 1][i % 5] ?? random() },
  },
  attrs: { label: 0 },
});

/** Returns a case in which one logit is `value`. An infinite logit costs nothing if its sign agrees with the label. */
const special = (channels: number, label: number, value: number) => ({
  ...one([9, channels], label, (i, random) => (i === 17 ? value : wide(i, random))),
  name: `one logit ${value}, ${channels} channels, label ${label}`,
});

/**
 * Reads a file that has p = σ(x) instead of the logits x. They are x = log(p / (1 − p)), and their gradient is that of p
 * times dp/dx = p(1 − p).
 */
function readProbabilities(file: FixtureFile): FixtureRun {
  const { label } = file.attrs;
  if (typeof label !== 'number') throw new UnsupportedFixture('bce_mean without a constant label');
  const p = file.tensor('probability');
  const of = (f: (p: number, i: number) => number): Nd => nd(p.shape, (i) => f(at(p, i), i));
  return fixtureRun(bceWithLogitsOp, {
    inputs: { logits: of((v) => Math.log(v / (1 - v))) },
    build: ({ logits }) => ({ y: bceWithLogits(logits, label) }),
    expected: {
      y: file.tensor('y'),
      ...(file.has('g_probability') && {
        g_logits: of((v, i) => at(file.tensor('g_probability'), i) * v * (1 - v)),
      }),
    },
    ...(file.has('gy') && { upstream: { y: file.tensor('gy') } }),
  });
}

export const rooms: readonly Room[] = [
  room(bceWithLogitsOp, {
    name: 'bceWithLogits',
    build: ({ logits, labels }, { label }) => ({ y: bceWithLogits(logits, labels ?? label) }),
    forward: ({ logits, labels }, { label }) => ({ y: oracle.bceWithLogits(logits, labels ?? label) }),
    backward: ({ logits, labels }, { label }, { y: gy }) => ({
      logits: oracle.bceWithLogitsGradient(logits, labels ?? label, gy),
      ...(labels && { labels: oracle.labelGradient(logits, gy) }),
    }),
    cases: [
      one([1], 0),
      one([3, 5, 7, 3], 1),
      one([1, 1, 1, 1], 0.5),
      one([2, 3, 5, 8], 0),
      one([1, 17, 1, 4], 0.9),
      one([9, 12], 0, wide),
      one([9, 5], 1, wide),
      labelled([1]),
      labelled([3, 5, 7, 3]),
      labelled([2, 3, 5, 8]),
      labelled([9, 12], wide),
    ],
    nonFinite: [4, 5].flatMap((channels) =>
      [0, 1].flatMap((label) => [
        special(channels, label, Number.NaN),
        special(channels, label, Number.POSITIVE_INFINITY),
        special(channels, label, Number.NEGATIVE_INFINITY),
      ]),
    ),
    refuses: [
      {
        inputs: { logits: { shape: [2] } },
        attrs: { label: 1.5 },
        error: /bceWithLogits: label must be in \[0, 1\] or a Tensor, got 1.5/,
      },
      {
        inputs: { logits: { shape: [2, 3] }, labels: { shape: [3] } },
        attrs: { label: 0 },
        error: /bceWithLogits: label must be \[2, 3\] \(the shape of logits\), got \[3\]/,
      },
      {
        inputs: { logits: { shape: [2] }, labels: { shape: [2], dtype: 'u32' } },
        attrs: { label: 0 },
        error: /bceWithLogits: labels must be f32, got u32/,
      },
    ],
    bench: [one([4, 4, 2, 1], 1), one([4, 7, 7, 1], 1), labelled([4, 7, 7, 1])],
    fixtures: { bce_mean: readProbabilities },
  }),
];

const names = {
  count: 'number of logits; in the second kernel of split, number of results',
  channels: 'channels of logits',
  label: 'the label of all logits, from 0 to 1',
  labelled: '1 if labels has one label for each logit, so that label is not used; otherwise 0',
  factor: '1 / number of logits',
  chunks: 'number of partial sums',
  inner: 'number of results that lie side by side, which is 1',
  partial: 'partial sums [chunks]',
};

export const terms: Readonly<Record<string, Terms>> = {
  bceWithLogits: termsOf(bceWithLogitsOp, { layout: { logits: '… C', labels: '… C', y: '1' }, names }),
  bceWithLogitsGradient: termsOf(bceWithLogitsGradientOp, {
    layout: { logits: '… C', labels: '… C', gy: '1', gx: '… C' },
    names,
  }),
};
