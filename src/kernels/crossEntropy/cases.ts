import type { Shape } from '../../autograd/tensor.js';
import { type OpCase, type Room, room, type Terms, termsOf } from '../room.js';
import { type CrossEntropyOptions, crossEntropy, crossEntropyGradientOp, crossEntropyOp } from './crossEntropy.js';
import * as oracle from './oracle.js';

type Fill = (index: number, random: () => number) => number;

const settings = ({ labelSmoothing = 0, reduction = 'mean' }: CrossEntropyOptions) =>
  [labelSmoothing, reduction] as const;

function one(shape: Shape, attrs: CrossEntropyOptions = {}, fill?: Fill, label?: Fill) {
  const C = shape[shape.length - 1] ?? 1;
  const options = Object.values(attrs).join(' ');
  return {
    name: `${shape.join('×')}${options && ` ${options}`}`,
    inputs: {
      logits: { shape, fill },
      labels: {
        shape: shape.length > 1 ? shape.slice(0, -1) : [1],
        dtype: 'u32',
        fill: label ?? ((_, random) => Math.floor(C * random())),
      },
    },
    attrs,
  } satisfies OpCase<CrossEntropyOptions, typeof crossEntropyOp.args>;
}

const wide: Fill = (i, random) => [0, 90, -90, 300, -300][i % 7] ?? 6 * random() - 3;
const extreme = (shape: Shape, attrs?: CrossEntropyOptions) => {
  const c = one(shape, attrs, wide);
  return { ...c, name: `${c.name}, extreme values` };
};

/** Makes rows in which one number is `value`, at the label or elsewhere, and a row in which every number is `value`. */
const special = (channels: number, value: number, attrs: CrossEntropyOptions = {}) => ({
  ...one(
    [4, channels],
    { reduction: 'none', ...attrs },
    (i, random) => (i === 1 || i === channels + 2 || i >= 3 * channels ? value : 6 * random() - 3),
    () => 1,
  ),
  name: `${value} among ${channels} ${Object.values(attrs)}`,
});

/** A label that no channel has makes its own row NaN. */
const beyond = (channels: number, reduction: CrossEntropyOptions['reduction']) => ({
  ...one([5, channels], { reduction }, undefined, (i) => [0, channels - 1, channels, 2 ** 32 - 1][i] ?? 0),
  name: `labels beyond ${channels} channels, ${reduction}`,
});

const refusal = (logits: Shape, labels: Shape, attrs: CrossEntropyOptions, error: RegExp) => ({
  inputs: { logits: { shape: logits }, labels: { shape: labels, dtype: 'u32' as const } },
  attrs,
  error,
});

export const rooms: readonly Room[] = [
  room(crossEntropyOp, {
    name: 'crossEntropy',
    build: ({ logits, labels }, options: CrossEntropyOptions) => ({ y: crossEntropy(logits, labels, options) }),
    forward: ({ logits, labels }, options) => ({ y: oracle.crossEntropy(logits, labels, ...settings(options)) }),
    backward: ({ logits, labels }, options, { y: gy }) => ({
      logits: oracle.crossEntropyGradient(logits, labels, ...settings(options), gy),
    }),
    cases: [
      one([1]),
      one([7]),
      one([1, 1], { labelSmoothing: 0.2 }),
      one([67, 10]),
      one([3, 5, 7, 3], { labelSmoothing: 0.1 }),
      one([2, 3, 5, 8], { reduction: 'sum' }),
      one([13, 37], { labelSmoothing: 0.3, reduction: 'none' }),
      one([3, 1009], { labelSmoothing: 1 }),
      one([2531, 2]),
      extreme([5, 12]),
      extreme([4, 97], { labelSmoothing: 0.1, reduction: 'sum' }),
    ],
    nonFinite: [
      ...[5, 40].flatMap((channels) => [
        special(channels, Number.NaN),
        special(channels, Number.POSITIVE_INFINITY),
        special(channels, Number.NEGATIVE_INFINITY),
        special(channels, Number.NEGATIVE_INFINITY, { labelSmoothing: 0.1 }),
        beyond(channels, 'none'),
      ]),
      beyond(3, 'mean'),
    ],
    refuses: [
      refusal([2, 3], [3], {}, /crossEntropy: labels must be \[2\] \(one for each row of logits\), got \[3\]/),
      refusal([3], [3], {}, /crossEntropy: labels must be \[1\] .*, got \[3\]/),
      refusal([2, 3], [2], { labelSmoothing: 1.5 }, /options\.labelSmoothing must be in \[0, 1\], got 1\.5/),
      {
        inputs: { logits: { shape: [2, 3] }, labels: { shape: [2] } },
        attrs: {},
        error: /crossEntropy: labels must be u32, got f32/,
      },
    ],
    bench: [one([128, 10]), one([128, 1000]), one([4, 128, 64, 19])],
  }),
];

const names = {
  rows: 'rows of logits: the product of all dimensions but the last',
  channels: 'channels of logits',
  smoothing: 'share of the target that is spread over all channels',
  factor: 'what the sum of the losses is multiplied by: 1 / rows for the mean',
  gy_step: '0 if gy has one value for all rows, 1 if it has one for each',
  LANES: 'neighbouring invocations that make a row, a power of two',
  terms: 'the losses of the rows [rows]',
  count: 'losses, or results of the last kernel',
  inner: 'results that lie side by side: 1',
  mid: 'losses',
  chunks: 'partial sums, or losses where they are not summed in parts',
  partial: 'partial sums [chunks]',
};

export const terms: Readonly<Record<string, Terms>> = {
  crossEntropy: termsOf(crossEntropyOp, { layout: { logits: '… C', labels: '…', y: '… or 1' }, names }),
  crossEntropyGradient: termsOf(crossEntropyGradientOp, {
    layout: { logits: '… C', labels: '…', gy: '… or 1', gx: '… C' },
    names,
  }),
};
