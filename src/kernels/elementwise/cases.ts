import { apply } from '../../autograd/op.js';
import { at, nd } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type InputSpec,
  type Room,
  room,
  type Terms,
  termsOf,
} from '../room.js';
import { type BinaryName, binaryOps, byName, type UnaryName, unaryOps } from './elementwise.js';
import { binary, map, unary, zip } from './oracle.js';

const positive = (_: number, random: () => number) => 0.1 + 3 * random();
/** Large values of both signs, zeros and ordinary ones. */
const wide = (i: number, random: () => number) => [0, 40, -40, 90, -90][i % 9] ?? 6 * random() - 3;
/** NaN, both infinities and both zeros among ordinary values. */
const special = (i: number, random: () => number) =>
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0][i % 7] ?? 6 * random() - 3;
const shapes = [[1], [3, 5, 7, 3], [1, 1, 1, 1], [2, 3, 5, 8], [1, 17, 1, 4]];

const domain: Partial<Record<UnaryName, InputSpec['fill']>> = { sqrt: positive, log: positive };
/** Ops that make infinities of the extreme values. */
const bounded = new Set<UnaryName>(['exp', 'square']);
const kOf: Partial<Record<UnaryName, number>> = { leakyRelu: 0.2, scale: -1.7, addScalar: 0.3 };

/** Where the model uses them: activations of the first and deepest block, the image, sums of gradients and losses. */
const layers: Partial<Record<UnaryName | BinaryName, readonly (readonly number[])[]>> = {
  relu: [[4, 128, 64, 64]],
  leakyRelu: [
    [4, 128, 64, 64],
    [4, 16, 8, 512],
  ],
  tanh: [[4, 128, 64, 3]],
  scale: [[4, 128, 64, 3]],
  add: [
    [4, 128, 64, 64],
    [4, 16, 8, 512],
  ],
};

/** A reference file of an activation; layout does not matter. ONNX calls its tensors input_0 and output_0. */
function read(name: UnaryName, file: FixtureFile, k: number): FixtureRun {
  const onnx = file.has('input_0');
  return fixtureRun(unaryOps[name], {
    inputs: { x: file.tensor(onnx ? 'input_0' : 'x') },
    build: ({ x }) => apply(unaryOps[name], { x }, { k }),
    expected: {
      y: file.tensor(onnx ? 'output_0' : 'y'),
      ...(file.has('g_x') && { g_x: file.tensor('g_x') }),
    },
    ...(file.has('gy') && { upstream: { y: file.tensor('gy') } }),
  });
}

const fixtures: Partial<Record<UnaryName, Room['fixtures']>> = {
  relu: { relu: (file) => read('relu', file, 0), Relu: (file) => read('relu', file, 0) },
  leakyRelu: {
    leaky_relu: (file) => read('leakyRelu', file, Number(file.attrs.slope)),
    LeakyRelu: (file) => read('leakyRelu', file, Number(file.attrs.alpha ?? 0.01)),
  },
  tanh: { tanh: (file) => read('tanh', file, 0), Tanh: (file) => read('tanh', file, 0) },
  sigmoid: { sigmoid: (file) => read('sigmoid', file, 0), Sigmoid: (file) => read('sigmoid', file, 0) },
};

function unaryRoom(name: UnaryName): Room {
  const k = kOf[name] ?? 0;
  const row = unary[name];
  const one = (label: string, x: InputSpec, kink = false) => ({ name: label, inputs: { x }, attrs: null, kink });
  const cases = shapes.map((shape) => one(shape.join('×'), { shape, fill: domain[name] }));
  if (!domain[name] && !bounded.has(name)) cases.push(one('extreme values', { shape: [4, 9], fill: wide }, true));
  return room(unaryOps[name], {
    name,
    build: ({ x }) => apply(unaryOps[name], { x }, { k }),
    forward: ({ x }) => ({ y: map(x, (v) => row.f(v, k)) }),
    backward: ({ x }, _, { y: gy }) => ({ x: zip(x, gy, (v, g) => row.gx(v, g, k)) }),
    cases,
    nonFinite: [one('NaN and infinities', { shape: [4, 8], fill: special })],
    refuses: [
      { inputs: {}, attrs: null, error: /: x must be a Tensor, got undefined/ },
      { inputs: { x: { shape: [2], dtype: 'u32' } }, attrs: null, error: /: x must be f32, got u32/ },
    ],
    bench: layers[name]?.map((shape) => one(shape.join('×'), { shape })),
    fixtures: fixtures[name],
  });
}

function binaryRoom(name: BinaryName): Room {
  const row = binary[name];
  const away = (_: number, random: () => number) => (random() < 0.5 ? -1 : 1) * (0.5 + random());
  const one = (label: string, a: InputSpec, b: InputSpec, kink = false) => ({
    name: label,
    inputs: { a, b },
    attrs: null,
    kink,
  });
  const cases = shapes.map((shape) => one(shape.join('×'), { shape }, { shape, fill: away }));
  if (name === 'maximum') {
    const shape = [3, 4];
    cases.push(one('ties go to a', { shape, fill: (i) => i % 3 }, { shape, fill: (i) => i % 2 }, true));
  }
  return room(binaryOps[name], {
    name,
    build: ({ a, b }) => apply(binaryOps[name], { a, b }, { k: 0 }),
    forward: ({ a, b }) => ({ y: zip(a, b, row.f) }),
    backward: ({ a, b }, _, { y: gy }) => {
      const partial = (side: 0 | 1) => nd(gy.shape, (i) => at(gy, i) * row.d(at(a, i), at(b, i))[side]);
      return { a: partial(0), b: partial(1) };
    },
    cases,
    nonFinite: [
      one(
        'NaN and infinities',
        { shape: [7, 8], fill: special },
        { shape: [7, 8], fill: (i, random) => special(i >> 3, random) },
      ),
    ],
    refuses: [
      {
        inputs: { a: { shape: [2, 3] }, b: { shape: [3, 2] } },
        attrs: null,
        error: new RegExp(`${name}: b must be \\[2, 3\\].*got \\[3, 2\\]`),
      },
    ],
    bench: layers[name]?.map((shape) => one(shape.join('×'), { shape }, { shape })),
  });
}

export const rooms: readonly Room[] = [
  ...Object.values(byName(unaryOps, unaryRoom)),
  ...Object.values(byName(binaryOps, binaryRoom)),
];

const names = {
  count: 'elements of the result, or groups of four channels in kernels of vec4',
  channels: 'channels of the result',
  k: 'constant of the op: the slope of leakyRelu, the factor of scale, the summand of addScalar; else 0',
};

const unaryTerms = termsOf(unaryOps.relu, { layout: { x: '… C', y: '… C' }, names });
/** Also of the gradients of unary ops: a is their saved argument or result, b the gradient of y, and y that of x. */
const binaryTerms = termsOf(binaryOps.add, { layout: { a: '… C', b: '… C', y: '… C' }, names });

export const terms: Readonly<Record<string, Terms>> = {
  ...byName(unaryOps, () => unaryTerms),
  ...Object.fromEntries(Object.keys(unaryOps).map((name) => [`${name}Gradient`, binaryTerms])),
  ...byName(binaryOps, () => binaryTerms),
  atLeast: binaryTerms,
  below: binaryTerms,
};
