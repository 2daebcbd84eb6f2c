import type { Shape, Tensor } from '../../autograd/tensor.js';
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
import * as functions from './elementwise.js';
import { atLeast, type BinaryName, below, binaryOps, byName, type UnaryName, unaryOps } from './ops.js';
import { binary, map, unary, zip, zipBackward } from './oracle.js';

const positive = (_: number, random: () => number) => 0.1 + 3 * random();
/** Returns test data with large values of both signs, zeros, and ordinary values. */
const wide = (i: number, random: () => number) => [0, 40, -40, 90, -90][i % 9] ?? 6 * random() - 3;
/** Returns test data with NaN, both infinities and both zeros among ordinary values. */
const special = (i: number, random: () => number) =>
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0][i % 7] ?? 6 * random() - 3;
const shapes = [[1], [3, 5, 7, 3], [1, 1, 1, 1], [2, 3, 5, 8], [1, 17, 1, 4]];

const domain: Partial<Record<UnaryName, InputSpec['fill']>> = { sqrt: positive, log: positive };
/** The ops with two bounds get values below, between and above them. */
const around: Partial<Record<UnaryName, InputSpec['fill']>> = { relu6: (_, random) => 12 * random() - 3 };
/** These ops overflow at the large values of `wide`. */
const overflowing = new Set<UnaryName>(['exp', 'square']);
const kOf: Partial<Record<UnaryName, number>> = { leakyRelu: 0.2, scale: -1.7, addScalar: 0.3 };
/** The number in the cases of ops of a tensor and a number. */
const NUMBER = 0.75;

/** The public function of every row. If one is missing, this file does not compile. */
const unaryFunctions: Readonly<Record<UnaryName, (x: Tensor, ...k: number[]) => Tensor>> = functions;
type Binary = ((a: Tensor, b: Tensor | number) => Tensor) & ((a: number, b: Tensor) => Tensor);
const binaryFunctions: Readonly<Record<BinaryName, Binary>> = functions;

/** The activations of a first block, on which ops are timed that the model itself does not apply. */
const ACTIVATIONS = [[4, 128, 64, 64]];

/** The shapes to which the model applies the ops: activations of the first and the deepest block, and the image. */
const layers: Partial<Record<UnaryName | BinaryName, readonly (readonly number[])[]>> = {
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

/**
 * Reads a reference file of an activation. Its layout does not matter, because the op is elementwise. ONNX files call the
 * tensors input_0 and output_0.
 */
function read(name: UnaryName, file: FixtureFile, ...k: number[]): FixtureRun {
  const onnx = file.has('input_0');
  return fixtureRun(unaryOps[name], {
    inputs: { x: file.tensor(onnx ? 'input_0' : 'x') },
    build: ({ x }) => ({ y: unaryFunctions[name](x, ...k) }),
    expected: {
      y: file.tensor(onnx ? 'output_0' : 'y'),
      ...(file.has('g_x') && { g_x: file.tensor('g_x') }),
    },
    ...(file.has('gy') && { upstream: { y: file.tensor('gy') } }),
  });
}

const fixtures: Partial<Record<UnaryName, Room['fixtures']>> = {
  relu: { relu: (file) => read('relu', file), Relu: (file) => read('relu', file) },
  leakyRelu: {
    leaky_relu: (file) => read('leakyRelu', file, Number(file.attrs.slope)),
    LeakyRelu: (file) => read('leakyRelu', file, Number(file.attrs.alpha ?? 0.01)),
  },
  tanh: { tanh: (file) => read('tanh', file), Tanh: (file) => read('tanh', file) },
  sigmoid: { sigmoid: (file) => read('sigmoid', file), Sigmoid: (file) => read('sigmoid', file) },
};

function unaryRoom(name: UnaryName): Room {
  const ks = [kOf[name]].filter((k) => k !== undefined);
  const [k = 0] = ks;
  const row = unary[name];
  const one = (label: string, x: InputSpec, kink = false) => ({ name: label, inputs: { x }, attrs: null, kink });
  const cases = shapes.map((shape) => one(shape.join('×'), { shape, fill: domain[name] ?? around[name] }));
  if (!domain[name] && !overflowing.has(name)) cases.push(one('extreme values', { shape: [4, 9], fill: wide }, true));
  return room(unaryOps[name], {
    name,
    build: ({ x }) => ({ y: unaryFunctions[name](x, ...ks) }),
    forward: ({ x }) => ({ y: map(x, (v) => row.f(v, k)) }),
    backward: ({ x }, _, { y: gy }) => ({ x: zip(x, gy, (v, g) => row.gx(v, g, k)) }),
    cases,
    nonFinite: [one('NaN and infinities', { shape: [4, 8], fill: special })],
    refuses: [
      { inputs: {}, attrs: null, error: /: x must be a Tensor, got undefined/ },
      { inputs: { x: { shape: [2], dtype: 'u32' } }, attrs: null, error: /: x must be f32, got u32/ },
    ],
    bench: (layers[name] ?? ACTIVATIONS).map((shape) =>
      one(shape.join('×'), { shape, fill: domain[name] ?? around[name] }),
    ),
    fixtures: fixtures[name],
  });
}

/** Returns values of both signs with a magnitude of at least 0.5, by which `div` can divide. */
const farFromZero = (_: number, random: () => number) => (random() < 0.5 ? -1 : 1) * (0.5 + random());

function binaryRoom(name: BinaryName): Room {
  const row = binary[name];
  const one = (label: string, a: InputSpec, b: InputSpec, kink = false) => ({
    name: label,
    inputs: { a, b },
    attrs: null,
    kink,
  });
  const refused = (a: Shape, b: Shape, error: RegExp) => ({
    inputs: { a: { shape: a }, b: { shape: b } },
    attrs: null,
    error: new RegExp(`^${name}: ${error.source}`),
  });
  const pair = (a: Shape, b: Shape) =>
    one(
      [...new Set([a, b].map((shape) => shape.join('×')))].join(' and '),
      { shape: a },
      { shape: b, fill: farFromZero },
    );
  const cases = [
    ...shapes.map((shape) => pair(shape, shape)),
    // Either operand may be a vector that is used for all rows, or one value that is used for all elements.
    ...[
      [3, 5, 7, 3],
      [2, 3, 5, 8],
      [7, 1],
    ].flatMap((shape) => [shape.slice(-1), [1]].flatMap((part) => [pair(shape, part), pair(part, shape)])),
    pair([4], [1, 1, 4]),
    pair([1], [5]),
  ];
  if (name === 'maximum') {
    const shape = [3, 4];
    cases.push(
      one(
        'equal elements, whose gradient goes to a',
        { shape, fill: (i) => i % 3 },
        { shape, fill: (i) => i % 2 },
        true,
      ),
    );
  }
  return room(binaryOps[name].tensors, {
    name,
    build: ({ a, b }) => ({ y: binaryFunctions[name](a, b) }),
    forward: ({ a, b }) => ({ y: zip(a, b, row.f) }),
    backward: ({ a, b }, _, { y: gy }) => zipBackward(a, b, row.d, gy),
    cases,
    nonFinite: [
      one(
        'NaN and infinities',
        { shape: [7, 8], fill: special },
        { shape: [7, 8], fill: (i, random) => special(i >> 3, random) },
      ),
    ],
    refuses: [
      refused([2, 3], [3, 2], /b must be \[2, 3\].*, \[3\].*, \[1\] or a number, got \[3, 2\]/),
      refused([2, 3], [1, 3], /b must be \[2, 3\].*got \[1, 3\]/),
      refused([2], [2, 3], /b must be \[2\].*got \[2, 3\]/),
    ],
    bench: (layers[name] ?? ACTIVATIONS).map((shape) => one(shape.join('×'), { shape }, { shape, fill: farFromZero })),
  });
}

/** Returns the room of a row's op for a tensor and a number, where the number is the operand `fixed`. */
function numberRoom(name: BinaryName, fixed: 'a' | 'b'): Room {
  const op = binaryOps[name][fixed === 'a' ? 'left' : 'right'];
  const row = binary[name];
  const one = (label: string, x: InputSpec, kink = false) => ({ name: label, inputs: { x }, attrs: null, kink });
  const cases = shapes.map((shape) => one(shape.join('×'), { shape, fill: farFromZero }));
  if (name === 'maximum')
    cases.push(one('equal elements, whose gradient goes to a', { shape: [3, 4], fill: (i) => NUMBER * (i % 3) }, true));
  const operands = (x: number): [number, number] => (fixed === 'a' ? [NUMBER, x] : [x, NUMBER]);
  const of = binaryFunctions[name];
  return room(op, {
    name: op.name,
    build: ({ x }) => ({ y: fixed === 'a' ? of(NUMBER, x) : of(x, NUMBER) }),
    forward: ({ x }) => ({ y: map(x, (v) => row.f(...operands(v))) }),
    backward: ({ x }, _, { y: gy }) => ({
      x: zip(x, gy, (v, g) => g * row.d(...operands(v))[fixed === 'a' ? 1 : 0]),
    }),
    cases,
    nonFinite: [one('NaN and infinities', { shape: [4, 8], fill: special })],
    refuses: [
      { inputs: {}, attrs: null, error: /must be a Tensor/ },
      { inputs: { x: { shape: [2], dtype: 'u32' } }, attrs: null, error: /: x must be f32, got u32/ },
    ],
    bench: ACTIVATIONS.map((shape) => one(shape.join('×'), { shape, fill: farFromZero })),
  });
}

const binaryNames = Object.values(byName(binaryOps, (name) => name));
/** The rows whose op with a number is no unary op. Unary ops have rooms of their own. */
const numbered = binaryNames.filter((name) => !(binaryOps[name].right.name in unaryOps));

export const rooms: readonly Room[] = [
  ...Object.values(byName(unaryOps, unaryRoom)),
  ...binaryNames.map(binaryRoom),
  ...numbered.flatMap((name) => [numberRoom(name, 'b'), numberRoom(name, 'a')]),
];

const names = {
  count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
  channels: 'number of channels of the result',
  a_step: '0 if a has one element, which is used for every element of y; otherwise 1',
  b_step: '0 if b has one element, which is used for every element of y; otherwise 1',
  k: 'constant of the op, such as the slope of leakyRelu, the factor of scale, or the number of addScalar and subScalar; otherwise 0',
};

const unaryTerms = termsOf(unaryOps.relu, { layout: { x: '… C', y: '… C' }, names });
/**
 * The terms of binary ops also describe the gradients of unary ops: a is the saved argument or result, b is the gradient of
 * the result, and y is the gradient of the argument.
 */
const binaryTerms = termsOf(binaryOps.add.tensors, { layout: { a: '… C', b: '… C', y: '… C' }, names });

export const terms: Readonly<Record<string, Terms>> = {
  ...byName(unaryOps, () => unaryTerms),
  ...Object.fromEntries(Object.keys(unaryOps).map((name) => [`${name}Gradient`, binaryTerms])),
  ...Object.fromEntries(
    [...Object.values(binaryOps), atLeast, below].flatMap(({ tensors, right, left }) => [
      [tensors.name, binaryTerms],
      [right.name, unaryTerms],
      [left.name, unaryTerms],
    ]),
  ),
};
