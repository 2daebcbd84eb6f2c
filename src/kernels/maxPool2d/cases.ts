import { pair, sides } from '../conv2d/convolution.js';
import { autoPad, sizesOf } from '../conv2d/fixtures.js';
import { nchwToNhwc } from '../layout.js';
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
import { maxPool2d, maxPool2dGradientOp, maxPool2dOp } from './maxPool2d.js';
import * as oracle from './oracle.js';
import type { PoolAttrs } from './pooling.js';

type Attrs = PoolAttrs;

/** Returns a case of a pooling op, named by its windows. */
export function poolCase(
  shape: readonly number[],
  kernel: Attrs['kernel'],
  stride: Attrs['stride'] = kernel,
  pad: Attrs['pad'] = [0, 0, 0, 0],
  ceilMode = false,
): OpCase<Attrs, typeof maxPool2dOp.args> {
  const name = `${shape.join('×')}, kernel ${kernel}, stride ${stride}, pad ${pad}${ceilMode ? ', ceil mode' : ''}`;
  return { name, inputs: { x: { shape } }, attrs: { kernel, stride, pad, ceilMode } };
}

const one = poolCase;

/** Returns the numbers of an attribute, of which there must be `count`, or `missing` when the file omits it. */
function numbers(
  { op, attrs }: FixtureFile,
  name: string,
  count: number,
  missing?: readonly number[],
): readonly number[] {
  const value = attrs[name] ?? missing;
  if (!Array.isArray(value) || value.length !== count)
    throw new UnsupportedFixture(`${op} of an image whose ${name} is ${value} instead of ${count} numbers`);
  return value.map(Number);
}

/**
 * Returns the windows of an ONNX pooling of an image. Throws `UnsupportedFixture` for windows that the ops here do not
 * support.
 */
export function poolInOnnx(file: FixtureFile): Attrs {
  const { op, attrs } = file;
  const { shape } = file.tensor('input_0');
  if (shape.length !== 4)
    throw new UnsupportedFixture(`${op} of rank ${shape.length}, because only images can be pooled`);
  if (numbers(file, 'dilations', 2, [1, 1]).some((d) => d !== 1)) throw new UnsupportedFixture(`${op} with dilations`);
  const [height = 0, width = 0] = numbers(file, 'kernel_shape', 2);
  const [down = 0, across = 0] = numbers(file, 'strides', 2, [1, 1]);
  const [top = 0, left = 0, bottom = 0, right = 0] = numbers(file, 'pads', 4, [0, 0, 0, 0]);
  const [kernel, stride] = [
    [height, width],
    [down, across],
  ] as const;
  return {
    ...{ kernel, stride, pad: autoPad(file, kernel, stride) ?? [top, left, bottom, right] },
    ceilMode: Number(attrs.ceil_mode ?? 0) === 1,
  };
}

/** Returns the windows of a pooling in a PyTorch file, by the names of PyTorch's arguments. */
export function poolInTorch(file: FixtureFile): Attrs {
  const kernel = pair(file.op, 'kernel_size', sizesOf(file, 'kernel_size') ?? 0, 1);
  return {
    ...{ kernel, stride: pair(file.op, 'stride', sizesOf(file, 'stride') ?? kernel, 1) },
    ...{ pad: sides(file.op, sizesOf(file, 'pad') ?? 0), ceilMode: file.attrs.ceil_mode === true },
  };
}

/** Reads a PyTorch file of a function of images x, with its gradient. */
export function imagesInTorch(file: FixtureFile) {
  return {
    inputs: { x: nchwToNhwc(file.tensor('x')) },
    expected: { y: nchwToNhwc(file.tensor('y')), g_x: nchwToNhwc(file.tensor('g_x')) },
    upstream: { y: nchwToNhwc(file.tensor('gy')) },
  };
}

function readTorch(file: FixtureFile): FixtureRun {
  const options = poolInTorch(file);
  return fixtureRun(maxPool2dOp, { ...imagesInTorch(file), build: ({ x }) => ({ y: maxPool2d(x, options) }) });
}

/** Reads an ONNX MaxPool of an image, of which only the first output is supported. */
function readOnnx(file: FixtureFile): FixtureRun {
  const options = poolInOnnx(file);
  if (file.has('output_1')) throw new UnsupportedFixture('MaxPool that returns indices');
  return fixtureRun(maxPool2dOp, {
    inputs: { x: nchwToNhwc(file.tensor('input_0')) },
    build: ({ x }) => ({ y: maxPool2d(x, options) }),
    expected: { y: nchwToNhwc(file.tensor('output_0')) },
  });
}

export const rooms: readonly Room[] = [
  room(maxPool2dOp, {
    name: 'maxPool2d',
    build: ({ x }, attrs) => ({ y: maxPool2d(x, attrs) }),
    forward: ({ x }, attrs) => ({ y: oracle.maxPool2d(x, attrs) }),
    backward: ({ x }, attrs, { y: gy }) => ({ x: oracle.maxPool2dGradient(x, attrs, gy) }),
    cases: [
      one([1, 1, 1, 1], [1, 1]),
      one([3, 7, 5, 3], [2, 2]),
      one([2, 4, 6, 8], [2, 2]),
      one([1, 5, 7, 4], [3, 3], [1, 1], [1, 1, 1, 1]),
      one([1, 7, 6, 5], [3, 2], [2, 1], [2, 0, 1, 1]),
      one([1, 9, 4, 4], [2, 1], [3, 2]),
      one([2, 1, 1, 4], [3, 3], [2, 2], [1, 1, 1, 1]),
      one([1, 6, 7, 4], [2, 3], [2, 2], [0, 0, 0, 0], true),
      one([2, 5, 6, 3], [2, 2], [2, 2], [0, 1, 0, 1], true),
      one([1, 4, 5, 8], [3, 3], [3, 2], [1, 1, 1, 1], true),
      one([1, 7, 1, 1], [3, 2], [3, 5], [1, 0, 1, 1], true),
      // Every number is near the largest that is possible.
      one([1, 2, 3, 4], [1, 32767], [32767, 32766], [0, 32766, 0, 32765]),
      {
        name: 'equal values, of which the first gets the gradient',
        inputs: { x: { shape: [2, 5, 6, 4], fill: (i) => i % 3 } },
        attrs: { kernel: [3, 3], stride: [1, 2], pad: [1, 0, 0, 1], ceilMode: false },
        kink: true,
      },
      {
        name: 'equal values in one channel',
        inputs: { x: { shape: [1, 4, 4, 1], fill: () => -2 } },
        attrs: { kernel: [2, 2], stride: [1, 1], pad: [1, 1, 1, 1], ceilMode: false },
        kink: true,
      },
    ],
    nonFinite: ([4, 5] as const).flatMap((channels) => [
      {
        ...one([1, 7, 6, channels], [3, 3], [2, 1], [1, 1, 1, 1]),
        name: `NaN and infinities, ${channels} channels`,
        inputs: { x: { shape: [1, 7, 6, channels], fill: testSpecial } },
      },
      {
        ...one([1, 6, 6, channels], [2, 2]),
        name: `−∞ everywhere but one NaN, ${channels} channels`,
        inputs: { x: { shape: [1, 6, 6, channels], fill: (i) => (i === 40 ? Number.NaN : Number.NEGATIVE_INFINITY) } },
      },
    ]),
    refuses: [
      {
        inputs: { x: { shape: [2, 4, 4, 3] } },
        attrs: { kernel: [2, 2], stride: [2, 2], pad: [0, 2, 0, 0], ceilMode: false },
        error: /maxPool2d: pad must be integers from 0 to less than the kernel 2,2, got 0,2,0,0/,
      },
      {
        inputs: { x: { shape: [1, 1, 4, 3] } },
        attrs: { kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0], ceilMode: false },
        error: /maxPool2d: kernel 2,2 does not fit x \[1, 1, 4, 3\]/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: { kernel: [2, 2], stride: [0, 2], pad: [0, 0, 0, 0], ceilMode: false },
        error: /maxPool2d: stride must be an integer from 1 to 32767 or two of them, got 0,2/,
      },
      {
        inputs: { x: { shape: [4, 4] } },
        attrs: { kernel: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0], ceilMode: false },
        error: /maxPool2d: x must be \[batch, height, width, channels\], got \[4, 4\]/,
      },
    ],
    bench: [one([4, 128, 64, 64], [2, 2])],
    fixtures: { max_pool2d: readTorch, MaxPool: readOnnx },
  }),
];

export const poolNames = {
  count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
  channels: 'number of channels of the result',
  height: 'height of x',
  width: 'width of x',
  out_height: 'height of the pooled image',
  out_width: 'width of the pooled image',
  kernel_h: 'height of the window',
  kernel_w: 'width of the window',
  stride_h: 'vertical stride in pixels',
  stride_w: 'horizontal stride in pixels',
  top: 'number of rows of padding above the image',
  left: 'number of columns of padding on the left',
};

export const terms: Readonly<Record<string, Terms>> = {
  maxPool2d: termsOf(maxPool2dOp, { layout: { x: 'N H W C', y: 'N Ho Wo C' }, names: poolNames }),
  maxPool2dGradient: termsOf(maxPool2dGradientOp, {
    layout: { x: 'N H W C', gy: 'N Ho Wo C', gx: 'N H W C' },
    names: poolNames,
  }),
};
