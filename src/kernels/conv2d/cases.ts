import { type OpCase, type Room, room, type Terms, termsOf } from '../room.js';
import { biasGradientOp } from './biasGradient.js';
import { conv2d, conv2dOp } from './conv2d.js';
import { conv2dWeightGradient, conv2dWeightGradientOp } from './conv2dWeightGradient.js';
import { readOnnx, readTorch } from './fixtures.js';
import * as oracle from './oracle.js';

type Sides = readonly [number, number, number, number];
interface Attrs {
  readonly stride?: number | readonly [number, number];
  readonly pad?: number | Sides;
  readonly dilation?: number | readonly [number, number];
  readonly groups?: number;
}

function windowOf({ stride = 1, pad = 0, dilation = 1 }: Attrs): oracle.Window {
  return {
    stride: typeof stride === 'number' ? [stride, stride] : stride,
    pad: typeof pad === 'number' ? [pad, pad, pad, pad] : pad,
    dilation: typeof dilation === 'number' ? [dilation, dilation] : dilation,
  };
}

type Shape4 = readonly [number, number, number, number];

/** Returns a case that is named by its shapes; w is [KH, KW, Cin, Cout]. */
function layer(x: Shape4, w: Shape4, attrs: Attrs = {}, bias = false, note = ''): OpCase<Attrs, typeof conv2dOp.args> {
  const { stride, pad, dilation } = windowOf(attrs);
  const spread = `${attrs.dilation ? ` dilation ${dilation}` : ''}${attrs.groups ? ` groups ${attrs.groups}` : ''}`;
  const more = `${spread}${bias ? ' + bias' : ''}${note}`;
  const name = `${x.join('×')} * ${w.join('×')} stride ${stride} pad ${pad}${more}`;
  return { name, attrs, inputs: { x: { shape: x }, w: { shape: w }, ...(bias && { bias: { shape: [w[3]] } }) } };
}

const conv2dRoom: Room = room(conv2dOp, {
  name: 'conv2d',
  build: ({ x, w, bias }, attrs) => ({ y: conv2d(x, w, { ...attrs, bias }) }),
  forward: ({ x, w, bias }, attrs) => ({ y: oracle.conv2d(x, w, bias, windowOf(attrs)) }),
  backward: ({ x, w, bias }, attrs, { y: gy }) => {
    const { bias: gb, ...g } = oracle.conv2dBackward(x, w, gy, windowOf(attrs));
    return bias ? { ...g, bias: gb } : g;
  },
  cases: [
    layer([1, 1, 1, 1], [1, 1, 1, 1], {}, true),
    layer([2, 5, 3, 3], [3, 3, 3, 5], { pad: 1 }, true),
    layer([3, 7, 6, 7], [4, 4, 7, 9], { stride: 2, pad: 1 }),
    layer([1, 11, 7, 1], [5, 3, 1, 2], { stride: [3, 2], pad: [2, 0, 1, 3] }, true),
    layer([1, 2, 3, 4], [3, 3, 4, 8], { pad: 4 }, true, ', windows that contain only padding'),
    layer([2, 9, 5, 8], [3, 2, 8, 12], { stride: [1, 2], pad: [0, 1, 2, 0] }, true),
    layer([1, 8, 3, 4], [2, 2, 4, 4], { stride: 5 }, false, ', stride larger than the kernel'),
    layer([3, 8, 4, 12], [4, 4, 12, 20], { stride: 2, pad: 1 }, true),
    layer([1, 13, 19, 2], [3, 3, 2, 3], { pad: 1 }, true, ', several tiles of pixels'),
    layer([1, 3, 3, 2], [1, 1, 2, 67], {}, true, ', several tiles of channels'),
    layer([1, 4, 9, 36], [3, 3, 36, 40], { pad: 1 }, true, ', rows and channels beyond one tile of a subgroup'),
    layer([1, 2, 2, 96], [3, 3, 96, 3], { pad: 1 }, true, ', long reduction'),
    layer([2, 5, 11, 36], [3, 3, 36, 4], { stride: [2, 1], pad: [1, 1, 0, 2] }, true, ', four output channels'),
    layer([1, 3, 7, 8], [2, 4, 8, 4], { pad: [0, 3, 1, 0] }, false, ', four output channels'),
    layer([1, 3, 3, 132], [2, 2, 132, 8], {}, true, ', long reduction'),
    layer([1, 2, 3, 2], [3, 3, 2, 64], { pad: 1 }, false, ', long reduction of the gradient'),
    layer([19, 2, 1, 8], [3, 3, 8, 8], { stride: 2, pad: 1 }, true, ', one output pixel per image'),
    layer([13, 2, 3, 6], [2, 2, 6, 8], {}, false, ', two output pixels per image'),
    layer([1, 13, 9, 60], [1, 2, 60, 124], { pad: [0, 1, 0, 0] }, true, ', the largest tiles'),
    layer([2, 9, 7, 3], [3, 3, 3, 5], { pad: 2, dilation: 2 }, true),
    layer([1, 11, 13, 8], [3, 2, 8, 12], { stride: [3, 2], pad: [1, 2, 3, 0], dilation: [2, 3] }),
    layer(
      [3, 12, 11, 4],
      [2, 3, 4, 8],
      { stride: [2, 4], pad: 1, dilation: [4, 2] },
      true,
      ', stride and dilation have common divisors',
    ),
    layer(
      [1, 5, 9, 40],
      [3, 3, 40, 36],
      { pad: [6, 0, 4, 7], dilation: [6, 4] },
      true,
      ', taps that always lie in the padding',
    ),
    layer([1, 6, 13, 36], [2, 3, 36, 4], { pad: [1, 0, 0, 1], dilation: [3, 1] }, false, ', four output channels'),
    layer(
      [1, 2, 3, 4],
      [2, 2, 4, 4],
      { stride: [32767, 3], pad: [32767, 32766, 32766, 1], dilation: [32766, 32767] },
      true,
      ', the largest numbers',
    ),
    layer([2, 5, 4, 6], [3, 3, 3, 4], { pad: 1, groups: 2 }, true),
    layer([1, 7, 6, 24], [3, 2, 8, 12], { stride: [2, 1], dilation: 2, groups: 3 }, true),
    layer([3, 3, 5, 20], [1, 1, 4, 5], { groups: 5 }, false, ', one output channel per group'),
  ],
  refuses: [
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 5, 8] } },
      attrs: {},
      error: /conv2d: w must be \[3, 3, 3, 8\] \(input channels of x \[1, 4, 4, 3\]\), got \[3, 3, 5, 8\]/,
    },
    {
      inputs: { x: { shape: [4, 4, 3] }, w: { shape: [3, 3, 3, 8] } },
      attrs: {},
      error: /conv2d: x must be \[batch, height, width, channels\], got \[4, 4, 3\]/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 8] } },
      attrs: {},
      error: /w must be \[kernel height.*x \[1, 4, 4, 3\], got \[3, 8\]/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 3, 8] }, bias: { shape: [3] } },
      attrs: {},
      error: /conv2d: bias must be \[8\].*w \[3, 3, 3, 8\].*got \[3\]/,
    },
    {
      inputs: { x: { shape: [1, 4, 2, 3] }, w: { shape: [5, 5, 3, 8] } },
      attrs: { pad: 1 },
      error: /w \[5, 5, 3, 8\] is larger than x \[1, 4, 2, 3\]/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 3, 8] } },
      attrs: { stride: 0 },
      error: /stride must be an integer from 1 to/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 3, 8] } },
      attrs: { pad: -1 },
      error: /pad must be an integer from 0 to/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 1, 8] } },
      attrs: { groups: 2 },
      error: /conv2d: the 3 channels of x \[1, 4, 4, 3\] cannot be divided into 2 groups of equal size/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 4] }, w: { shape: [3, 3, 2, 7] } },
      attrs: { groups: 2 },
      error: /conv2d: the 7 channels of w \[3, 3, 2, 7\] cannot be divided into 2 groups of equal size/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 4] }, w: { shape: [3, 3, 4, 8] } },
      attrs: { groups: 2 },
      error: /w must be \[3, 3, 2, 8\] \(input channels of x \[1, 4, 4, 4\] in each of 2 groups\), got \[3, 3, 4, 8\]/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 3, 8] } },
      attrs: { groups: 0 },
      error: /options\.groups must be an integer of at least 1, got 0/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 3, 8] } },
      attrs: { dilation: [1, 0] },
      error: /dilation must be an integer from 1 to 32767 or two of them, got 1,0/,
    },
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [3, 3, 3, 8] } },
      attrs: { dilation: [1, 2] },
      error: /w \[3, 3, 3, 8\] with dilation \[1, 2\] is larger than x \[1, 4, 4, 3\] with pad \[0, 0, 0, 0\]/,
    },
  ],
  bench: [
    layer([4, 128, 64, 21], [3, 3, 21, 64], { pad: 1 }),
    layer([4, 128, 64, 64], [4, 4, 64, 128], { stride: 2, pad: 1 }),
    layer([4, 64, 32, 128], [4, 4, 128, 256], { stride: 2, pad: 1 }),
    layer([4, 32, 16, 256], [4, 4, 256, 512], { stride: 2, pad: 1 }),
    layer([4, 16, 8, 512], [4, 4, 512, 512], { stride: 2, pad: 1 }),
    layer([4, 8, 4, 512], [4, 4, 512, 512], { stride: 2, pad: 1 }),
    layer([4, 128, 64, 64], [3, 3, 64, 64], { pad: 1 }, true),
    layer([2, 256, 256, 64], [3, 3, 64, 64], { pad: 1 }, true),
    layer([1, 19, 19, 512], [3, 3, 512, 1024], { pad: 6, dilation: 6 }, true),
  ],
  fixtures: { conv2d: readTorch, Conv: readOnnx },
});

interface WeightAttrs extends oracle.Window {
  readonly kernel: readonly [number, number];
}

/** Returns a case of the weight gradient that is named by its shapes. */
function weights(x: Shape4, gy: Shape4, attrs: WeightAttrs): OpCase<WeightAttrs, typeof conv2dWeightGradientOp.args> {
  const name = `${x.join('×')} * ${gy.join('×')} kernel ${attrs.kernel} stride ${attrs.stride} pad ${attrs.pad} dilation ${attrs.dilation}`;
  return { name, attrs, inputs: { x: { shape: x }, gy: { shape: gy } } };
}

const weightGradientRoom: Room = room(conv2dWeightGradientOp, {
  name: 'conv2dWeightGradient',
  build: ({ x, gy }, attrs) => ({ gw: conv2dWeightGradient(x, gy, attrs.kernel, attrs) }),
  forward: ({ x, gy }, attrs) => ({ gw: oracle.weightGradient(x, gy, attrs.kernel, attrs) }),
  backward: ({ x, gy }, attrs, { gw: g }) => oracle.weightGradientBackward(x, gy, g, attrs),
  cases: [
    weights([1, 1, 1, 1], [1, 1, 1, 1], { kernel: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0], dilation: [1, 1] }),
    weights([3, 7, 5, 3], [3, 4, 2, 5], { kernel: [3, 4], stride: [2, 3], pad: [1, 1, 2, 3], dilation: [1, 1] }),
    weights([1, 4, 3, 9], [1, 3, 4, 17], { kernel: [2, 2], stride: [1, 1], pad: [0, 1, 0, 1], dilation: [1, 1] }),
    weights([2, 9, 8, 5], [2, 3, 5, 6], { kernel: [3, 2], stride: [2, 1], pad: [0, 1, 1, 0], dilation: [2, 4] }),
    weights([1, 2, 7, 4], [1, 1, 3, 8], { kernel: [4, 4], stride: [2, 2], pad: [1, 1, 1, 1], dilation: [1, 1] }),
  ],
  refuses: [
    {
      inputs: { x: { shape: [1, 4, 4, 3] }, gy: { shape: [1, 3, 4, 5] } },
      attrs: { kernel: [3, 3], stride: [1, 1], pad: [1, 1, 1, 1], dilation: [1, 1] },
      error: /gy must be \[1, 4, 4, 5\] \(the result for x \[1, 4, 4, 3\] and kernel \[3, 3\]\), got \[1, 3, 4, 5\]/,
    },
  ],
});

export const rooms: readonly Room[] = [conv2dRoom, weightGradientRoom];

/** A kernel that does not read the dilation runs only the calls in which it is 1. */
export const UNDILATED = { dh: 1, dw: 1 };

/** The names that conv2d and convTranspose2d share. */
export const convNames = {
  N: 'number of images',
  pixels: 'number of pixels of the result, N · Ho · Wo',
  H: 'height of x',
  W: 'width of x',
  C: 'number of channels of x',
  Ho: 'height of the result',
  Wo: 'width of the result',
  O: 'number of channels of the result',
  KH: 'height of the kernel',
  KW: 'width of the kernel',
  sh: 'vertical stride in pixels',
  sw: 'horizontal stride in pixels',
  dh: 'distance of neighbouring taps of the kernel in rows of x; a kernel that does not read it runs only calls in which it is 1',
  dw: 'distance of neighbouring taps of the kernel in columns of x; a kernel that does not read it runs only calls in which it is 1',
  top: 'number of rows of padding above the image',
  left: 'number of columns of padding on the left',
  biased: '1 if bias is given, otherwise 0',
  taps: 'in the subgroup kernels, number of taps of the kernel that a workgroup sums',
  chunk: 'number of steps of eight terms that a workgroup sums',
  splits: 'number of chunks into which the sum is split',
  count: 'number of elements of the result',
  partials: 'sums of the chunks [splits, pixels, O]',
};

export const terms: Readonly<Record<string, Terms>> = {
  conv2d: termsOf(conv2dOp, {
    layout: { x: 'N H W C', w: 'KH KW C O', bias: 'O', y: 'N Ho Wo O' },
    names: convNames,
    unread: UNDILATED,
  }),
  conv2dWeightGradient: termsOf(conv2dWeightGradientOp, {
    layout: { x: 'N H W C', gy: 'N Ho Wo O', gw: 'KH KW C O' },
    unread: UNDILATED,
    names: {
      ...convNames,
      Ho: 'height of gy',
      Wo: 'width of gy',
      O: 'number of channels of gy',
      rows: 'number of rows of pixels, of N · Ho, that a workgroup sums',
      partials: 'sums of the chunks [splits, KH, KW, C, O]',
    },
  }),
  biasGradient: termsOf(biasGradientOp, {
    layout: { gy: '… C', gb: 'C' },
    names: {
      rows: 'number of rows of gy',
      C: 'number of channels',
      chunk: 'number of rows that an invocation sums',
      splits: 'number of chunks of rows',
      count: 'number of results of the dispatch',
      partials: 'sums of the chunks [splits, C]',
    },
  }),
};
