import { f32, optional, strided } from '../../autograd/op.js';
import type { Shape } from '../../autograd/tensor.js';
import { nchwToNhwc } from '../layout.js';
import { testSpecial } from '../oracle.js';
import { type FixtureFile, type FixtureRun, fixtureRun, type Room, room, UnsupportedFixture } from '../room.js';
import { batchNorm } from './batchNorm.js';
import * as oracle from './oracle.js';

const spec = {
  args: { x: strided, mean: f32, variance: f32, gamma: optional, beta: optional },
  results: { y: strided },
};

interface Attrs {
  readonly epsilon?: number;
}

const positive = (_: number, random: () => number) => 0.2 + 2 * random();

const one = (
  shape: Shape,
  { gamma = true, beta = true, ...attrs }: Attrs & { gamma?: boolean; beta?: boolean } = {},
) => {
  const channel = { shape: shape.slice(-1) };
  const missing = `${gamma ? '' : ', no gamma'}${beta ? '' : ', no beta'}`;
  return {
    name: `${shape.join('×')}${missing}${attrs.epsilon ? `, epsilon ${attrs.epsilon}` : ''}`,
    inputs: {
      ...{ x: { shape }, mean: channel, variance: { ...channel, fill: positive } },
      ...{ ...(gamma && { gamma: channel }), ...(beta && { beta: channel }) },
    },
    attrs,
  };
};

/** ONNX BatchNormalization of an image, with known statistics. */
function readOnnx(file: FixtureFile): FixtureRun {
  const { training_mode = 0, epsilon = 1e-5 } = file.attrs;
  if (training_mode !== 0) throw new UnsupportedFixture('BatchNormalization that computes statistics');
  const x = file.tensor('input_0');
  if (x.shape.length !== 4) throw new UnsupportedFixture(`BatchNormalization of rank ${x.shape.length}`);
  const [gamma, beta] = [file.tensor('input_1'), file.tensor('input_2')];
  const [mean, variance] = [file.tensor('input_3'), file.tensor('input_4')];
  return fixtureRun(spec, {
    inputs: { x: nchwToNhwc(x), mean, variance, gamma, beta },
    build: ({ x, ...norm }) => ({ y: batchNorm(x, { ...norm, epsilon: Number(epsilon) }) }),
    expected: { y: nchwToNhwc(file.tensor('output_0')) },
  });
}

export const rooms: readonly Room[] = [
  room(spec, {
    name: 'batchNorm',
    build: ({ x, ...norm }, attrs: Attrs) => ({ y: batchNorm(x, { ...norm, ...attrs }) }),
    forward: ({ x, ...norm }, { epsilon = 1e-5 }) => ({ y: oracle.batchNorm(x, norm, epsilon) }),
    backward: ({ x, ...norm }, { epsilon = 1e-5 }, { y: gy }) => {
      const { gamma, beta, ...g } = oracle.batchNormBackward(x, norm, epsilon, gy);
      return { ...g, ...(norm.gamma && { gamma }), ...(norm.beta && { beta }) };
    },
    cases: [
      one([1]),
      one([1, 1, 1, 1]),
      one([3, 5, 7, 3]),
      one([2, 3, 5, 8], { epsilon: 1e-3 }),
      one([7, 12], { beta: false }),
      one([1, 4, 3, 5], { gamma: false }),
    ],
    nonFinite: [
      { ...one([3, 7, 4]), name: 'NaN and infinities' },
      { ...one([3, 7, 5]), name: 'NaN and infinities, 5 channels' },
    ].map((c) => ({ ...c, inputs: { ...c.inputs, x: { shape: c.inputs.x.shape, fill: testSpecial } } })),
    refuses: [
      {
        inputs: { x: { shape: [1, 4, 4, 3] }, mean: { shape: [3] }, variance: { shape: [4] } },
        attrs: {},
        error: /batchNorm: variance must be \[3\] \(channels of x \[1, 4, 4, 3\]\), got \[4\]/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] }, mean: { shape: [3] }, variance: { shape: [3] }, beta: { shape: [1] } },
        attrs: {},
        error: /batchNorm: beta must be \[3\] \(channels of x \[1, 4, 4, 3\]\), got \[1\]/,
      },
      {
        inputs: { x: { shape: [2, 3] }, mean: { shape: [3] }, variance: { shape: [3] } },
        attrs: { epsilon: 0 },
        error: /batchNorm: options\.epsilon must be positive, got 0/,
      },
    ],
    fixtures: { BatchNormalization: readOnnx },
  }),
];
