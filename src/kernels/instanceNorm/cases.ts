import { f32 } from '../../autograd/op.js';
import type { Shape } from '../../autograd/tensor.js';
import { nchwToNhwc } from '../layout.js';
import { testNormal } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type InputSpec,
  type OpCase,
  type OpRefusal,
  type Room,
  room,
  type Terms,
  termsOf,
  UnsupportedFixture,
} from '../room.js';
import { instanceNormGradientOp } from './gradient.js';
import { instanceNorm, instanceNormOp } from './instanceNorm.js';
import * as oracle from './oracle.js';
import type { Attrs, Mode } from './view.js';

type NormCase = OpCase<Attrs, typeof instanceNormOp.args>;

const defaults = { channel: 1e-5, sample: 1e-3 } as const;

function one(
  shape: Shape,
  mode: Mode,
  more: { name?: string; fill?: InputSpec['fill']; epsilon?: number } = {},
): NormCase {
  const parameters = mode === 'channel' ? shape.slice(3) : [1];
  const epsilon = more.epsilon ?? defaults[mode];
  return {
    name: `${mode} ${shape.join('×')}${more.name ? `, ${more.name}` : ''}`,
    inputs: { x: { shape, fill: more.fill }, gamma: { shape: parameters }, beta: { shape: parameters } },
    attrs: { mode, epsilon },
  };
}

const shapes = [
  [3, 5, 7, 3],
  [2, 3, 5, 8],
  [1, 17, 1, 4],
  [3, 4, 2, 12],
  [1, 33, 17, 4],
];
const large = (_: number, random: () => number) => 1000 + testNormal(random);
const outlier = (i: number, random: () => number) => (i < 4 ? 0 : 1000 + testNormal(random));

/** Makes pixels of alternating sign and few magnitudes. */
const apart = (channels: number) => (i: number, random: () => number) =>
  (Math.floor(i / channels) % 2 ? -1 : 1) * (2 + random());

const cases: NormCase[] = (['channel', 'sample'] as const).flatMap((mode) => [
  ...shapes.map((shape) => one(shape, mode)),
  one([2, 3, 5, 8], mode, { name: 'large ε', epsilon: 0.7 }),
  one([2, 3, 5, 3], mode, { name: 'large ε', epsilon: 0.7 }),
  // The gradient of two elements is a small remainder, proportional to ε.
  one([3, 2, 1, 5], mode, { name: 'two pixels', fill: apart(5) }),
  one([2, 1, 2, 4], mode, { name: 'two pixels', fill: apart(4) }),
  one([2, 2, 1, 1], mode, { name: 'two elements' }),
  one([2, 16, 16, 4], mode, { name: 'mean 1000, deviation 1', fill: large }),
  one([1, 13, 11, 3], mode, { name: 'mean 1000, deviation 1', fill: large }),
  one([2, 1, 1, 8], mode, { name: 'one pixel' }),
  // This shape has several chunks and blocks of lanes in the tree kernels.
  one([2, 13, 11, 68], mode),
  { ...one([2, 3, 5, 4], mode, { name: 'constant', fill: () => 3.7 }), kink: true },
  { ...one([1, 3, 3, 1], mode, { name: 'constant', fill: () => -0.3 }), kink: true },
  one([1, 9, 7, 4], mode, { name: 'outliers', fill: outlier, epsilon: 0.1 }),
]);
// This shape has more chunks than a workgroup of the tree kernels has invocations.
cases.push(one([1, 47, 45, 36], 'channel'));

/** Reads images in NCHW; `names` are those of x, γ, β and y in the file. */
function read(file: FixtureFile, names: readonly [string, string, string, string], epsilon: number): FixtureRun {
  const [x, gamma, beta, y] = names;
  if (file.tensor(x).shape.length !== 4)
    throw new UnsupportedFixture(
      `instance normalisation of rank ${file.tensor(x).shape.length}; only images are normalised`,
    );
  return fixtureRun(instanceNormOp, {
    inputs: { x: nchwToNhwc(file.tensor(x)), gamma: file.tensor(gamma), beta: file.tensor(beta) },
    build: ({ x, gamma, beta }) => ({ y: instanceNorm(x, gamma, beta, { epsilon }) }),
    expected: {
      y: nchwToNhwc(file.tensor(y)),
      ...(file.has('g_x') && {
        g_x: nchwToNhwc(file.tensor('g_x')),
        g_gamma: file.tensor('g_gamma'),
        g_beta: file.tensor('g_beta'),
      }),
    },
    ...(file.has('gy') && { upstream: { y: nchwToNhwc(file.tensor('gy')) } }),
  });
}

const bench = (['channel', 'sample'] as const).flatMap((mode) =>
  [
    [4, 128, 64, 64],
    [4, 64, 32, 128],
    [4, 32, 16, 256],
    [4, 16, 8, 512],
    [4, 4, 2, 512],
  ].map((shape) => one(shape, mode)),
);

const refuses: readonly OpRefusal<Attrs, typeof instanceNormOp.args>[] = [
  {
    inputs: { x: { shape: [2, 3, 4] }, gamma: { shape: [4] }, beta: { shape: [4] } },
    attrs: { mode: 'channel', epsilon: 1e-5 },
    error: /instanceNorm: x must be \[batch, height, width, channels\], got \[2, 3, 4\]/,
  },
  {
    inputs: { x: { shape: [2, 3, 4, 5] }, gamma: { shape: [1] }, beta: { shape: [5] } },
    attrs: { mode: 'channel', epsilon: 1e-5 },
    error: /instanceNorm: gamma must be \[5\] \(one per channel of x\), got \[1\]/,
  },
  {
    inputs: { x: { shape: [2, 3, 4, 5] }, gamma: { shape: [1] }, beta: { shape: [5] } },
    attrs: { mode: 'sample', epsilon: 1e-3 },
    error: /instanceNorm: beta must be \[1\] \(one for all channels in sample mode\), got \[5\]/,
  },
  {
    inputs: { x: { shape: [2, 3, 4, 5] }, gamma: { shape: [5] }, beta: { shape: [5] } },
    attrs: { mode: 'channel', epsilon: 0 },
    error: /instanceNorm: options.epsilon must be positive, got 0/,
  },
];

/** The arguments and results of the public function. */
const published = { args: instanceNormOp.args, results: { y: f32 } };

export const rooms: readonly Room[] = [
  room(published, {
    name: 'instanceNorm',
    build: ({ x, gamma, beta }, attrs) => ({ y: instanceNorm(x, gamma, beta, attrs) }),
    forward: ({ x, gamma, beta }, { mode, epsilon }) => ({
      y: oracle.instanceNorm(x, gamma, beta, mode, epsilon),
    }),
    backward: ({ x, gamma }, { mode, epsilon }, { y: gy }) => oracle.instanceNormGradient(x, gamma, mode, epsilon, gy),
    cases,
    refuses,
    bench,
    fixtures: {
      instance_norm: (file) => read(file, ['x', 'gamma', 'beta', 'y'], Number(file.attrs.eps ?? 1e-5)),
      InstanceNormalization: (file) =>
        read(file, ['input_0', 'input_1', 'input_2', 'output_0'], Number(file.attrs.epsilon ?? 1e-5)),
    },
  }),
];

const names = {
  count: 'number of invocations with work; in the naive kernels, of groups that are normalised',
  norm_groups: 'number of groups of an image: its channels, or 1',
  size: 'number of elements of a group',
  width: 'number of channels of a group: 1, or all',
  pixels: 'number of pixels of an image',
  sample: '1 where a whole image is a group, 0 where each of its channels is one',
  epsilon: 'ε',
  images: 'images',
  mid: 'number of vectors of four channels in a lane',
  lanes: 'number of lanes of an image',
  quads: 'number of vectors of four channels in a pixel',
  chunks: 'number of parts of a lane',
  LANES: 'number of lanes that a workgroup takes side by side',
  WIDTH: 'number of invocations of a workgroup of the chunked kernels',
  ROWS: 'number of rows of its invocations; each takes every ROWS-th vector of a chunk',
  partial: 'sums of the chunks',
  sums: 'gradients of γ and β of each image [images, 2, groups], before they are summed',
};

export const terms: Readonly<Record<string, Terms>> = {
  instanceNorm: termsOf(instanceNormOp, {
    layout: { x: 'N H W C', gamma: 'G', beta: 'G', y: 'N H W C', stats: 'N 3 G' },
    names,
  }),
  instanceNormGradient: termsOf(instanceNormGradientOp, {
    layout: {
      ...{ x: 'N H W C', stats: 'N 3 G', gamma: 'G', gy: 'N H W C' },
      ...{ gx: 'N H W C', ggamma: 'G', gbeta: 'G' },
    },
    names,
  }),
};
