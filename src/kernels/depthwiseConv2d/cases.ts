import { apply } from '../../autograd/op.js';
import { conv2d } from '../conv2d/conv2d.js';
import type { ConvAttrs } from '../conv2d/convolution.js';
import { testSpecial } from '../oracle.js';
import { type OpCase, type Room, room, type Terms, termsOf } from '../room.js';
import {
  depthwiseConv2dOp,
  depthwiseInputGradient,
  depthwiseInputGradientOp,
  depthwiseWeightGradientOp,
  type GradientAttrs,
} from './depthwiseConv2d.js';
import * as oracle from './oracle.js';

type Shape4 = readonly [number, number, number, number];
type Pair = readonly [number, number];

interface Windows {
  readonly stride?: Pair;
  readonly pad?: Shape4;
  readonly dilation?: Pair;
}

type DepthwiseCase = OpCase<ConvAttrs, typeof depthwiseConv2dOp.args>;

/** Returns a case that is named by its shapes. Each channel of x has `multiplier` output channels. */
function layer(
  x: Shape4,
  kernel: Pair,
  { stride = [1, 1], pad = [0, 0, 0, 0], dilation = [1, 1] }: Windows = {},
  multiplier = 1,
  note = '',
): DepthwiseCase {
  const channels = x[3] * multiplier;
  const w = [...kernel, 1, channels];
  const name = `${x.join('×')} * ${w.join('×')} stride ${stride} pad ${pad} dilation ${dilation}${note}`;
  const inputs = { x: { shape: x }, w: { shape: w }, bias: { shape: [channels] } };
  return { name, attrs: { stride, pad, dilation }, inputs };
}

const cases: readonly DepthwiseCase[] = [
  layer([1, 2, 1, 2], [1, 1]),
  layer([3, 7, 5, 4], [3, 3], { pad: [1, 1, 1, 1] }),
  layer([1, 9, 14, 8], [3, 3], { stride: [2, 2], pad: [0, 0, 1, 1] }, 1, ', SAME as in TensorFlow'),
  layer([2, 11, 7, 12], [5, 5], { stride: [2, 2], pad: [1, 2, 2, 2] }),
  layer([1, 5, 3, 5], [5, 2], { stride: [1, 2], pad: [2, 1, 2, 0] }),
  layer(
    [2, 6, 10, 3],
    [3, 3],
    { pad: [2, 3, 2, 1], dilation: [2, 3] },
    2,
    ', two output channels for each input channel',
  ),
  layer([1, 13, 9, 4], [2, 3], { stride: [2, 4], pad: [0, 3, 1, 2], dilation: [3, 2] }),
  layer([1, 7, 8, 4], [3, 2], { stride: [1, 3], pad: [1, 1, 1, 1] }, 1, ', a stride that does not divide 4'),
  layer([1, 4, 4, 2], [2, 2], {}, 5, ', five output channels for each input channel'),
  layer([1, 12, 11, 4], [8, 9], { pad: [3, 4, 4, 4] }, 1, ', a large kernel'),
  layer([3, 19, 17, 36], [3, 3], { pad: [1, 1, 1, 1] }, 1, ', several chunks of strips'),
  layer([1, 33, 8, 4], [3, 7], { pad: [1, 3, 1, 3] }, 2, ', several chunks of strips'),
];

const gradientAttrs = (attrs: ConvAttrs, shape: readonly number[]): GradientAttrs => ({ ...attrs, shape });

const resultShape = ({ attrs, inputs: { x, w } }: DepthwiseCase) => {
  const empty = (shape: readonly number[]) => ({ shape, data: new Float64Array(shape.reduce((a, b) => a * b, 1)) });
  return oracle.depthwise(empty(x.shape), empty(w.shape), undefined, attrs).shape;
};

/** The gradients of these cases are cases of the gradient ops, which have gradients themselves. */
const gradientCases = cases.filter((_, i) => i % 2 === 0);

export const rooms: readonly Room[] = [
  room(depthwiseConv2dOp, {
    name: 'depthwiseConv2d',
    build: ({ x, w, bias }, attrs) => ({ y: conv2d(x, w, { ...attrs, bias, groups: x.shape[3] ?? 1 }) }),
    forward: ({ x, w, bias }, attrs) => ({ y: oracle.depthwise(x, w, bias, attrs) }),
    backward: ({ x, w }, attrs, { y: gy }) => oracle.depthwiseBackward(x, w, gy, attrs),
    cases,
    nonFinite: ([4, 3] as const).map((channels) => {
      const c = layer([1, 7, 6, channels], [3, 3], { stride: [1, 2], pad: [1, 1, 1, 1] });
      const x = { shape: c.inputs.x.shape, fill: testSpecial };
      return { ...c, name: `NaN and infinities, ${channels} channels`, inputs: { ...c.inputs, x } };
    }),
    refuses: [
      {
        inputs: { x: { shape: [1, 4, 4, 2] }, w: { shape: [3, 3, 1, 3] } },
        attrs: { stride: [1, 1], pad: [0, 0, 0, 0], dilation: [1, 1] },
        error: /conv2d: the 3 channels of w \[3, 3, 1, 3\] cannot be divided into 2 groups of equal size/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 2] }, w: { shape: [3, 3, 1, 2] } },
        attrs: { stride: [1, 1], pad: [0, 0, 0, 0], dilation: [2, 1] },
        error:
          /conv2d: w \[3, 3, 1, 2\] with dilation \[2, 1\] is larger than x \[1, 4, 4, 2\] with pad \[0, 0, 0, 0\]/,
      },
    ],
    bench: [
      layer([4, 112, 112, 32], [3, 3], { pad: [1, 1, 1, 1] }),
      layer([4, 56, 56, 144], [3, 3], { stride: [2, 2], pad: [0, 0, 1, 1] }),
      layer([4, 14, 14, 480], [5, 5], { pad: [2, 2, 2, 2] }),
    ],
  }),
  room(depthwiseInputGradientOp, {
    name: 'depthwiseConv2dInputGradient',
    build: ({ gy, w }, attrs) => ({ gx: depthwiseInputGradient(gy, w, attrs) }),
    forward: ({ gy, w }, attrs) => ({ gx: oracle.inputGradient(attrs.shape, w, gy, attrs) }),
    backward: ({ gy, w }, attrs, { gx: g }) => ({
      gy: oracle.depthwise(g, w, undefined, attrs),
      w: oracle.weightGradient(g, w.shape, gy, attrs),
    }),
    cases: gradientCases.map((c) => ({
      name: c.name,
      inputs: { gy: { shape: resultShape(c) }, w: c.inputs.w },
      attrs: gradientAttrs(c.attrs, c.inputs.x.shape),
    })),
    refuses: [
      {
        inputs: { w: { shape: [3, 3, 1, 2] } },
        attrs: { stride: [1, 1], pad: [0, 0, 0, 0], dilation: [1, 1], shape: [1, 4, 4, 2] },
        error: /depthwiseConv2dInputGradient: gy must be a Tensor, got undefined/,
      },
    ],
  }),
  room(depthwiseWeightGradientOp, {
    name: 'depthwiseConv2dWeightGradient',
    build: ({ x, gy }, attrs) => apply(depthwiseWeightGradientOp, { x, gy }, attrs),
    forward: ({ x, gy }, attrs) => ({ gw: oracle.weightGradient(x, attrs.shape, gy, attrs) }),
    backward: ({ x, gy }, attrs, { gw: g }) => ({
      x: oracle.inputGradient(x.shape, g, gy, attrs),
      gy: oracle.depthwise(x, g, undefined, attrs),
    }),
    cases: gradientCases.map((c) => ({
      name: c.name,
      inputs: { x: c.inputs.x, gy: { shape: resultShape(c) } },
      attrs: gradientAttrs(c.attrs, c.inputs.w.shape),
    })),
    refuses: [
      {
        inputs: { x: { shape: [1, 4, 4, 2] } },
        attrs: { stride: [1, 1], pad: [0, 0, 0, 0], dilation: [1, 1], shape: [3, 3, 1, 2] },
        error: /depthwiseConv2dWeightGradient: gy must be a Tensor, got undefined/,
      },
    ],
  }),
];

const names = {
  count: 'number of elements of the result; in the strip kernels, number of invocations',
  N: 'number of images',
  C: 'number of channels of x',
  H: 'height of x',
  W: 'width of x',
  Ho: 'height of the result',
  Wo: 'width of the result',
  O: 'number of channels of the result',
  m: 'number of channels of the result for each channel of x, O / C',
  KH: 'height of the kernel',
  KW: 'width of the kernel',
  sh: 'vertical stride in pixels',
  sw: 'horizontal stride in pixels',
  dh: 'distance of neighbouring taps of the kernel in rows of x',
  dw: 'distance of neighbouring taps of the kernel in columns of x',
  top: 'number of rows of padding above the image',
  left: 'number of columns of padding on the left',
  biased: '1 if bias is given, otherwise 0',
};

const gradientNames = { ...names, Ho: 'height of gy', Wo: 'width of gy', O: 'number of channels of gy' };

export const terms: Readonly<Record<string, Terms>> = {
  depthwiseConv2d: termsOf(depthwiseConv2dOp, {
    layout: { x: 'N H W C', w: 'KH KW 1 O', bias: 'O', y: 'N Ho Wo O' },
    names,
  }),
  depthwiseConv2dInputGradient: termsOf(depthwiseInputGradientOp, {
    layout: { gy: 'N Ho Wo O', w: 'KH KW 1 O', gx: 'N H W C' },
    names: {
      ...gradientNames,
      back: 'the strip from column l of gx on reads gy from column ⌊(l + left) / sw⌋ − back on',
    },
  }),
  depthwiseConv2dWeightGradient: termsOf(depthwiseWeightGradientOp, {
    layout: { x: 'N H W C', gy: 'N Ho Wo O', gw: 'KH KW 1 O' },
    names: {
      ...gradientNames,
      count: 'number of elements of the result',
      chunk: 'number of strips that a workgroup sums, of N · Ho · ⌈Wo / 4⌉',
      splits: 'number of chunks of strips',
      partials: 'sums of the chunks [splits, KH, KW, 1, O]',
    },
  }),
};
