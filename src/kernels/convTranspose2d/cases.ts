import { convNames, UNDILATED } from '../conv2d/cases.js';
import { pair } from '../conv2d/convolution.js';
import { sizesOf, windowIn, windowInOnnx } from '../conv2d/fixtures.js';
import { iohwToHwoi, nchwToNhwc } from '../layout.js';
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
import { convTranspose2d, convTranspose2dOp } from './convTranspose2d.js';
import * as oracle from './oracle.js';

interface Attrs {
  readonly stride?: number | readonly [number, number];
  readonly pad?: number | readonly [number, number, number, number];
  readonly dilation?: number | readonly [number, number];
  readonly outputPad?: number | readonly [number, number];
  readonly groups?: number;
}

function windowOf({ stride = 1, pad = 0, dilation = 1, outputPad = 0, groups = 1 }: Attrs): oracle.TransposedWindow {
  return {
    stride: typeof stride === 'number' ? [stride, stride] : stride,
    pad: typeof pad === 'number' ? [pad, pad, pad, pad] : pad,
    dilation: typeof dilation === 'number' ? [dilation, dilation] : dilation,
    outputPad: typeof outputPad === 'number' ? [outputPad, outputPad] : outputPad,
    groups,
  };
}

type Shape4 = readonly [number, number, number, number];

/** Returns a case that is named by its shapes; w is [KH, KW, Cout, Cin]. */
function layer(
  x: Shape4,
  w: Shape4,
  attrs: Attrs = {},
  bias = false,
  note = '',
): OpCase<Attrs, typeof convTranspose2dOp.args> {
  const { stride, pad, dilation, outputPad } = windowOf(attrs);
  const spread = `${attrs.dilation ? ` dilation ${dilation}` : ''}${attrs.groups ? ` groups ${attrs.groups}` : ''}`;
  const extra = `${spread}${attrs.outputPad ? ` output pad ${outputPad}` : ''}`;
  const name = `${x.join('×')} * ${w.join('×')} stride ${stride} pad ${pad}${extra}${bias ? ' + bias' : ''}${note}`;
  return {
    name,
    attrs,
    inputs: { x: { shape: x }, w: { shape: w }, ...(bias && { bias: { shape: [w[2] * (attrs.groups ?? 1)] } }) },
  };
}

const doubling: Attrs = { stride: 2, pad: 1 };

export const rooms: readonly Room[] = [
  room(convTranspose2dOp, {
    name: 'convTranspose2d',
    build: ({ x, w, bias }, attrs) => ({ y: convTranspose2d(x, w, { ...attrs, bias }) }),
    forward: ({ x, w, bias }, attrs) => ({ y: oracle.convTranspose2d(x, w, bias, windowOf(attrs)) }),
    backward: ({ x, w, bias }, attrs, { y: gy }) => {
      const { bias: gb, ...g } = oracle.convTranspose2dBackward(x, w, gy, windowOf(attrs));
      return bias ? { ...g, bias: gb } : g;
    },
    cases: [
      layer([1, 1, 1, 1], [1, 1, 1, 1], {}, true),
      layer([3, 5, 3, 3], [4, 4, 5, 3], doubling, true),
      layer([2, 3, 2, 8], [4, 4, 7, 8], doubling),
      layer([1, 3, 4, 5], [3, 3, 2, 5], { stride: [3, 2], pad: [1, 2, 1, 2] }, true),
      layer([1, 4, 3, 4], [3, 5, 9, 4], { stride: [2, 3], pad: [0, 1, 1, 0], outputPad: [1, 2] }, true),
      layer([2, 2, 3, 4], [1, 2, 4, 4], { stride: 3, outputPad: 2 }, true, ', phases without taps'),
      layer([1, 3, 3, 4], [3, 3, 4, 4], { stride: 1, pad: [2, 2, 2, 1] }, false, ', pad beyond the image'),
      layer([1, 1, 1, 4], [4, 4, 3, 4], { stride: 4, pad: [1, 2, 2, 0] }, true, ', fewer rows than phases'),
      layer([1, 17, 9, 2], [4, 4, 2, 2], doubling, false, ', several tiles of pixels'),
      layer([1, 1, 2, 4], [2, 2, 67, 4], { stride: 2 }, true, ', several tiles of channels'),
      layer([1, 2, 2, 132], [4, 4, 3, 132], doubling, true, ', long reduction'),
      layer([1, 3, 2, 2], [3, 3, 64, 2], { pad: 1 }, false, ', long reduction of the gradient'),
      layer([1, 2, 2, 192], [3, 3, 4, 192], { stride: 2 }, false, ', long reduction, phases of 4, 2, 2 and 1 taps'),
      layer([1, 13, 8, 60], [1, 2, 100, 60], {}, true, ', the largest tiles'),
      layer([2, 5, 4, 3], [3, 3, 5, 3], { pad: 2, dilation: 2 }, true),
      layer(
        [1, 4, 5, 8],
        [3, 4, 6, 8],
        { stride: [3, 2], pad: [1, 2, 3, 0], dilation: [2, 3] },
        true,
        ', all phases have taps',
      ),
      layer([2, 3, 4, 4], [2, 3, 8, 4], { stride: [2, 4], pad: 1, dilation: [4, 2] }, false, ', phases without taps'),
      layer(
        [1, 3, 4, 4],
        [2, 3, 36, 4],
        { stride: [1, 2], dilation: [3, 5], outputPad: [2, 3] },
        true,
        ', output pad greater than the stride',
      ),
      layer(
        [1, 2, 2, 4],
        [2, 2, 4, 4],
        { stride: [32767, 3], pad: [32767, 32766, 32764, 0], dilation: [32766, 32767] },
        true,
        ', the largest numbers',
      ),
      layer([2, 5, 4, 6], [3, 3, 2, 6], { ...doubling, groups: 2 }, true),
      layer([1, 3, 4, 8], [2, 3, 1, 8], { stride: [1, 2], dilation: [3, 1], outputPad: [2, 0], groups: 4 }, true),
    ],
    refuses: [
      {
        inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [4, 4, 3, 8] } },
        attrs: doubling,
        error: /convTranspose2d: w must be \[4, 4, 3, 3\] \(input channels of x \[1, 4, 4, 3\]\), got \[4, 4, 3, 8\]/,
      },
      {
        inputs: { x: { shape: [4, 3] }, w: { shape: [4, 4, 8, 3] } },
        attrs: doubling,
        error: /convTranspose2d: x must be \[batch, height, width, channels\], got \[4, 3\]/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [4, 4, 8, 3] }, bias: { shape: [3] } },
        attrs: doubling,
        error: /convTranspose2d: bias must be \[8\].*w \[4, 4, 8, 3\].*got \[3\]/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [4, 4, 8, 3] } },
        attrs: { ...doubling, outputPad: [0, 2] },
        error: /outputPad \[0,2\] must be less than stride \[2,2\]/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [4, 4, 8, 3] } },
        attrs: { ...doubling, groups: 2 },
        error: /convTranspose2d: the 3 channels of x \[1, 4, 4, 3\] cannot be divided into 2 groups of equal size/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] }, w: { shape: [4, 4, 8, 3] } },
        attrs: { ...doubling, dilation: [3, 1], outputPad: 2 },
        error: /outputPad \[2,2\] must be less than stride \[2,2\] or dilation \[3,1\]/,
      },
      {
        inputs: { x: { shape: [1, 1, 2, 3] }, w: { shape: [2, 2, 8, 3] } },
        attrs: doubling,
        error: /the result for x \[1, 1, 2, 3\], w \[2, 2, 8, 3\] and pad \[1, 1, 1, 1\] would have 0 × 2 pixels/,
      },
    ],
    bench: [layer([4, 8, 4, 1024], [4, 4, 512, 1024], doubling), layer([4, 32, 16, 512], [4, 4, 128, 512], doubling)],
    fixtures: { conv_transpose2d: readTorch, ConvTranspose: readOnnx },
  }),
];

/** Reads a PyTorch file of a transposed convolution, with its gradients. */
function readTorch(file: FixtureFile): FixtureRun {
  const window = { ...windowIn(file, 'stride', 'pad', 'dilation'), groups: Number(file.attrs.groups ?? 1) };
  const outputPad = pair(file.op, 'output_padding', sizesOf(file, 'output_padding') ?? 0, 0);
  const biased = file.has('b');
  return fixtureRun(convTranspose2dOp, {
    inputs: {
      x: nchwToNhwc(file.tensor('x')),
      w: iohwToHwoi(file.tensor('w')),
      ...(biased && { bias: file.tensor('b') }),
    },
    build: ({ x, w, bias }) => ({ y: convTranspose2d(x, w, { ...window, outputPad, bias }) }),
    expected: {
      y: nchwToNhwc(file.tensor('y')),
      g_x: nchwToNhwc(file.tensor('g_x')),
      g_w: iohwToHwoi(file.tensor('g_w')),
      ...(biased && { g_bias: file.tensor('g_b') }),
    },
    upstream: { y: nchwToNhwc(file.tensor('gy')) },
  });
}

/** Reads an ONNX ConvTranspose. */
function readOnnx(file: FixtureFile): FixtureRun {
  if (file.attrs.output_shape) throw new UnsupportedFixture('output_shape, which does not determine the padding');
  const { group = 1, auto_pad = 'NOTSET' } = file.attrs;
  if (auto_pad !== 'NOTSET') throw new UnsupportedFixture(`${file.op} with auto_pad ${auto_pad}`);
  const window = { ...windowInOnnx(file), groups: Number(group) };
  const outputPad = pair(file.op, 'output_padding', sizesOf(file, 'output_padding') ?? 0, 0);
  return fixtureRun(convTranspose2dOp, {
    inputs: {
      x: nchwToNhwc(file.tensor('input_0')),
      w: iohwToHwoi(file.tensor('input_1')),
      ...(file.has('input_2') && { bias: file.tensor('input_2') }),
    },
    build: ({ x, w, bias }) => ({ y: convTranspose2d(x, w, { ...window, outputPad, bias }) }),
    expected: { y: nchwToNhwc(file.tensor('output_0')) },
  });
}

export const terms: Readonly<Record<string, Terms>> = {
  convTranspose2d: termsOf(convTranspose2dOp, {
    layout: { x: 'N H W C', w: 'KH KW O C', bias: 'O', y: 'N Ho Wo O' },
    unread: UNDILATED,
    names: {
      ...convNames,
      gh: 'greatest common divisor of sh and dh',
      gw: 'greatest common divisor of sw and dw',
      ih: 'inverse of bh modulo uh, or 0 if uh is 1',
      iw: 'inverse of bw modulo uw, or 0 if uw is 1',
      uh: 'rows of the kernel between neighbouring taps of a phase: sh / gh',
      uw: 'columns of the kernel between neighbouring taps of a phase: sw / gw',
      bh: 'rows of x between neighbouring taps of a phase: dh / gh',
      bw: 'columns of x between neighbouring taps of a phase: dw / gw',
    },
  }),
};
