import { vectorJacobian } from '../../autograd/gradients.js';
import { input as leaf } from '../../autograd/leaves.js';
import { nchwToNhwc } from '../layout.js';
import { imagesInTorch } from '../maxPool2d/cases.js';
import { testSpecial } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type OpCase,
  type Room,
  room,
  type Terms,
  termsOf,
  UnsupportedFixture,
} from '../room.js';
import * as oracle from './oracle.js';
import { type ResizeOptions, resize2d, resize2dGradientOp, resize2dOp } from './resize2d.js';

type Shape4 = readonly [number, number, number, number];

/** Returns a case that is named by its shape and options. */
function one(shape: Shape4, options: ResizeOptions): OpCase<ResizeOptions, typeof resize2dOp.args> {
  const named = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  return { name: [shape.join('×'), ...named].join(', '), inputs: { x: { shape } }, attrs: options };
}

/** Returns two bilinear cases, one for each value of `alignCorners`. */
const both = (shape: Shape4, options: ResizeOptions) => [
  one(shape, { ...options, mode: 'bilinear' }),
  one(shape, { ...options, mode: 'bilinear', alignCorners: true }),
];

/** Returns the two numbers of an attribute, or nothing if the file omits it. */
function two({ op, attrs }: FixtureFile, name: string): readonly [number, number] | undefined {
  const value = attrs[name];
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length !== 2)
    throw new UnsupportedFixture(`${op} of an image whose ${name} is ${value} instead of two numbers`);
  return [Number(value[0]), Number(value[1])];
}

function modeOf(file: FixtureFile, nearest: string, bilinear: string): 'nearest' | 'bilinear' {
  const { mode = nearest } = file.attrs;
  if (mode === nearest) return 'nearest';
  if (mode === bilinear) return 'bilinear';
  throw new UnsupportedFixture(`${file.op} with mode ${mode}`);
}

/** Reads a PyTorch file of `interpolate`, with its gradient. */
function readTorch(file: FixtureFile): FixtureRun {
  const options: ResizeOptions = {
    mode: modeOf(file, 'nearest', 'bilinear'),
    alignCorners: file.attrs.align_corners === true,
    ...{ size: two(file, 'size'), scale: two(file, 'scale_factor') },
  };
  return fixtureRun(resize2dOp, { ...imagesInTorch(file), build: ({ x }) => ({ y: resize2d(x, options) }) });
}

/** Reads an ONNX Resize of an image, if its conventions are among those of PyTorch. */
function readOnnx(file: FixtureFile): FixtureRun {
  const { coordinate_transformation_mode: from = 'half_pixel', nearest_mode: rounds = 'round_prefer_floor' } =
    file.attrs;
  const mode = modeOf(file, 'nearest', 'linear');
  const alignCorners = from === 'align_corners';
  const known =
    mode === 'nearest'
      ? from === 'asymmetric' && rounds === 'floor'
      : alignCorners || from === 'half_pixel' || from === 'pytorch_half_pixel';
  if (!known) throw new UnsupportedFixture(`Resize with mode ${mode}, ${from} and ${rounds}`);
  if (file.attrs.antialias || file.attrs.axes) throw new UnsupportedFixture('Resize with antialias or axes');
  const x = file.tensor('input_0');
  const [sizes, scales] = ['input_3', 'input_2'].map((name) => (file.has(name) ? [...file.tensor(name).data] : []));
  const last = (list: readonly number[] = []): readonly [number, number] | undefined =>
    list.length === 4 && list[0] === (list === sizes ? x.shape[0] : 1) ? [list[2] ?? 0, list[3] ?? 0] : undefined;
  const size = last(sizes);
  const scale = size ? undefined : last(scales);
  if (x.shape.length !== 4 || !(size ?? scale))
    throw new UnsupportedFixture('Resize of other axes than rows and columns');
  const options: ResizeOptions = { mode, alignCorners, size, scale };
  return fixtureRun(resize2dOp, {
    inputs: { x: nchwToNhwc(x) },
    build: ({ x }) => ({ y: resize2d(x, options) }),
    expected: { y: nchwToNhwc(file.tensor('output_0')) },
  });
}

const cases = [
  one([1, 1, 1, 1], { size: 1 }),
  one([3, 5, 4, 3], { scale: 2 }),
  one([2, 5, 7, 8], { size: [11, 3], mode: 'nearest' }),
  one([1, 2, 3, 4], { size: [82, 123] }),
  one([1, 10, 10, 4], { scale: [1.05, 2.05] }),
  one([1, 17, 13, 5], { scale: [0.3, 1.7] }),
  ...both([1, 1, 1, 4], { size: [3, 1] }),
  ...both([3, 5, 4, 3], { scale: 2 }),
  ...both([2, 5, 7, 8], { size: [11, 3] }),
  ...both([1, 9, 2, 1], { size: [4, 13] }),
  ...both([1, 10, 11, 4], { scale: [1.05, 0.77] }),
  ...both([1, 13, 17, 12], { size: 1 }),
  ...both([2, 3, 5, 4], { size: [29, 31] }),
];

export const rooms: readonly Room[] = [
  room(resize2dOp, {
    name: 'resize2d',
    build: ({ x }, options) => ({ y: resize2d(x, options) }),
    forward: ({ x }, options) => ({ y: oracle.resize2d(x, options) }),
    backward: ({ x }, options, { y: gy }) => ({ x: oracle.resize2dGradient(x.shape, options, gy) }),
    cases,
    nonFinite: ([4, 5] as const).flatMap((channels) => [
      {
        ...one([1, 6, 5, channels], { size: [9, 7] }),
        name: `NaN and infinities, nearest, ${channels} channels`,
        inputs: { x: { shape: [1, 6, 5, channels], fill: testSpecial } },
      },
      {
        ...one([1, 6, 5, channels], { scale: [4, 0.5], mode: 'bilinear' }),
        name: `NaN and infinities, bilinear, ${channels} channels`,
        inputs: { x: { shape: [1, 6, 5, channels], fill: testSpecial } },
      },
    ]),
    refuses: [
      {
        inputs: { x: { shape: [4, 4, 3] } },
        attrs: { scale: 2 },
        error: /resize2d: x must be \[batch, height, width, channels\], got \[4, 4, 3\]/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: { size: 2, scale: 2 },
        error: /resize2d: either size or scale must be given for x \[1, 4, 4, 3\], got both/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: {},
        error: /resize2d: either size or scale must be given.*none/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: { size: [2, 0] },
        error: /resize2d: size must be an integer from 1 to 9007199254740991 or two of them, got 2,0/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: { scale: [2, -1] },
        error: /resize2d: scale must be a positive number or two of them, got 2,-1/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: { scale: 0.2 },
        error: /resize2d: with scale 0\.2, a size of 4 pixels becomes 0/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: { size: 8, alignCorners: true },
        error: /resize2d: alignCorners needs the mode bilinear/,
      },
    ],
    bench: [one([4, 64, 64, 64], { scale: 2 }), ...both([4, 64, 64, 64], { scale: 2 })],
    fixtures: { interpolate: readTorch, Resize: readOnnx },
  }),
  room(resize2dGradientOp, {
    name: 'resize2dGradient',
    build: ({ gy }, { shape, options }) => {
      const x = leaf('x', shape);
      const [gx = x] = vectorJacobian([resize2d(x, options)], [gy], [x]);
      return { gx };
    },
    forward: ({ gy }, { shape, options }) => ({ gx: oracle.resize2dGradient(shape, options, gy) }),
    backward: (_, { options }, { gx: g }) => ({ gy: oracle.resize2d(g, options) }),
    cases: cases.map(({ name, inputs, attrs: options }) => {
      const { shape } = inputs.x;
      const x = { shape, data: new Float64Array(shape.reduce((a, b) => a * b, 1)) };
      return { name, inputs: { gy: { shape: oracle.resize2d(x, options).shape } }, attrs: { shape, options } };
    }),
    refuses: [
      {
        inputs: { gy: { shape: [1, 4, 4, 3] } },
        attrs: { shape: [1, 2, 2, 3], options: { scale: 3 } },
        error: /gys\.0 must be \[1, 6, 6, 3\] \(the shape of resize2d\[1×6×6×3\]\), got \[1, 4, 4, 3\]/,
      },
    ],
  }),
];

const names = {
  count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
  channels: 'number of channels of the result',
  height: 'height of x',
  width: 'width of x',
  out_height: 'height of the resized image',
  out_width: 'width of the resized image',
  bilinear: '1 for the mode bilinear, 0 for nearest',
  shift: '½ for bilinear without alignCorners, otherwise 0',
  step_h: 'rows of x from one row of the resized image to the next',
  step_w: 'columns of x from one column of the resized image to the next',
  rate_h: '1 / step_h, or 0 if step_h is 0',
  rate_w: '1 / step_w, or 0 if step_w is 0',
};

export const terms: Readonly<Record<string, Terms>> = {
  resize2d: termsOf(resize2dOp, { layout: { x: 'N H W C', y: 'N Ho Wo C' }, names }),
  resize2dGradient: termsOf(resize2dGradientOp, { layout: { gy: 'N Ho Wo C', gx: 'N H W C' }, names }),
};
