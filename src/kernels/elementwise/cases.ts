import { applyOne } from '../../autograd/op.js';
import type { Tensor } from '../../autograd/tensor.js';
import type { Nd } from '../oracle.js';
import { type Case, type FixtureFile, type FixtureRun, type InputSpec, type Room, room, type Terms } from '../room.js';
import { type BinaryName, binaryOps, type UnaryName, unaryOps } from './elementwise.js';
import { binary, map, unary, zip } from './oracle.js';

const positive = (_: number, random: () => number) => 0.1 + 3 * random();
/** Large values of both signs, zeros and ordinary ones. */
const wide = (i: number, random: () => number) => [0, 40, -40, 90, -90][i % 9] ?? 6 * random() - 3;
/** NaN, both infinities and both zeros among ordinary values. */
const special = (i: number, random: () => number) =>
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0][i % 7] ?? 6 * random() - 3;
const shapes = [[1], [3, 5, 7, 3], [1, 1, 1, 1], [2, 3, 5, 8], [1, 17, 1, 4]];

const domain: Partial<Record<string, InputSpec['fill']>> = { sqrt: positive, log: positive };
const bounded = new Set(['exp', 'square']);
const kOf: Record<string, number> = { leakyRelu: 0.2, scale: -1.7, addScalar: 0.3 };

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
  return {
    inputs: { x: file.tensor(onnx ? 'input_0' : 'x') },
    build: ({ x }) => ({ y: applyOne(unaryOps[name], [x], { k }) }),
    expected: {
      y: file.tensor(onnx ? 'output_0' : 'y'),
      ...(file.has('g_x') && { g_x: file.tensor('g_x') }),
    },
    ...(file.has('gy') && { upstream: { y: file.tensor('gy') } }),
  };
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
  const row = unary[name] as (typeof unary)[string];
  const cases: Case<null>[] = shapes.map((shape) => ({
    name: shape.join('×'),
    inputs: { x: { shape, fill: domain[name] } },
    attrs: null,
  }));
  if (!domain[name] && !bounded.has(name))
    cases.push({ name: 'extreme values', inputs: { x: { shape: [4, 9], fill: wide } }, attrs: null, kink: true });
  return room<null>({
    name,
    build: ({ x }) => ({ y: applyOne(unaryOps[name], [x], { k }) }),
    forward: ({ x }) => ({ y: map(x as Nd, (v) => row.f(v, k)) }),
    backward: ({ x }, _, { y: gy }) => ({ x: zip(x as Nd, gy as Nd, (v, g) => row.gx(v, g, k)) }),
    cases,
    nonFinite: [{ name: 'NaN and infinities', inputs: { x: { shape: [4, 8], fill: special } }, attrs: null }],
    refuses: [{ inputs: {}, attrs: null, error: /: x must be a Tensor, got undefined/ }],
    bench: layers[name]?.map((shape) => ({ name: shape.join('×'), inputs: { x: { shape } }, attrs: null })),
    fixtures: fixtures[name],
  });
}

function binaryRoom(name: BinaryName): Room {
  const row = binary[name] as (typeof binary)[string];
  const away = (_: number, random: () => number) => (random() < 0.5 ? -1 : 1) * (0.5 + random());
  const cases: Case<null>[] = shapes.map((shape) => ({
    name: shape.join('×'),
    inputs: { a: { shape }, b: { shape, fill: away } },
    attrs: null,
  }));
  if (name === 'maximum')
    cases.push({
      name: 'ties go to a',
      inputs: { a: { shape: [3, 4], fill: (i) => i % 3 }, b: { shape: [3, 4], fill: (i) => i % 2 } },
      attrs: null,
      kink: true,
    });
  return room<null>({
    name,
    build: ({ a, b }) => ({ y: applyOne(binaryOps[name], [a as Tensor, b as Tensor], { k: 0 }) }),
    forward: ({ a, b }) => ({ y: zip(a as Nd, b as Nd, row.f) }),
    backward: ({ a, b }, _, { y: gy }) => {
      const g = gy as Nd;
      const partial = (side: 0 | 1) => ({
        shape: g.shape,
        data: g.data.map((v, i) => v * row.d((a as Nd).data[i] as number, (b as Nd).data[i] as number)[side]),
      });
      return { a: partial(0), b: partial(1) };
    },
    cases,
    nonFinite: [
      {
        name: 'NaN and infinities',
        inputs: {
          a: { shape: [7, 8], fill: special },
          b: { shape: [7, 8], fill: (i, random) => special(i >> 3, random) },
        },
        attrs: null,
      },
    ],
    refuses: [
      {
        inputs: { a: { shape: [2, 3] }, b: { shape: [3, 2] } },
        attrs: null,
        error: new RegExp(`${name}: b must be \\[2, 3\\].*got \\[3, 2\\]`),
      },
    ],
    bench: layers[name]?.map((shape) => ({
      name: shape.join('×'),
      inputs: { a: { shape }, b: { shape } },
      attrs: null,
    })),
  });
}

export const rooms: readonly Room[] = [
  ...(Object.keys(unaryOps) as UnaryName[]).map(unaryRoom),
  ...(Object.keys(binaryOps) as BinaryName[]).map(binaryRoom),
];

const pointwise = {
  count: 'elements of the result, or groups of four channels in kernels of vec4',
  channels: 'channels of the result',
  k: 'constant of the op: the slope of leakyRelu, the factor of scale, the summand of addScalar; else 0',
};

const layouts = {
  unary: { x: '… C', y: '… C' },
  binary: { a: '… C', b: '… C', y: '… C' },
  // a is the saved argument or result of the op, b the gradient of its result, y the gradient of its argument
  derivative: { a: '… C', b: '… C', y: '… C' },
};

export const terms: Readonly<Record<string, Terms>> = Object.fromEntries([
  ...Object.keys(unaryOps).map((n) => [n, { layout: layouts.unary, names: pointwise }]),
  ...Object.keys(unaryOps).map((n) => [`${n}Gradient`, { layout: layouts.derivative, names: pointwise }]),
  ...[...Object.keys(binaryOps), 'atLeast', 'below'].map((n) => [n, { layout: layouts.binary, names: pointwise }]),
]);
