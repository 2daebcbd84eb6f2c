import { nchwToNhwc } from '../layout.js';
import { imagesInTorch, poolCase, poolInOnnx, poolInTorch, poolNames } from '../maxPool2d/cases.js';
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
} from '../room.js';
import {
  type Attrs,
  avgPool2d,
  avgPool2dGradient,
  avgPool2dGradientOp,
  avgPool2dOp,
  type GradientAttrs,
} from './avgPool2d.js';
import * as oracle from './oracle.js';

/** Returns a case that counts the padding, and the same case without counting it. */
function both(...of: Parameters<typeof poolCase>): OpCase<Attrs, typeof avgPool2dOp.args>[] {
  const { name, attrs, ...rest } = poolCase(...of);
  return [true, false].map((countIncludePad) => ({
    ...rest,
    name: `${name}${countIncludePad ? '' : ', not counting the padding'}`,
    attrs: { ...attrs, countIncludePad },
  }));
}

function readTorch(file: FixtureFile): FixtureRun {
  const options: Attrs = { ...poolInTorch(file), countIncludePad: file.attrs.count_include_pad !== false };
  return fixtureRun(avgPool2dOp, { ...imagesInTorch(file), build: ({ x }) => ({ y: avgPool2d(x, options) }) });
}

/** Reads an ONNX AveragePool of an image. */
function readOnnx(file: FixtureFile): FixtureRun {
  const options: Attrs = { ...poolInOnnx(file), countIncludePad: Number(file.attrs.count_include_pad ?? 0) === 1 };
  return fixtureRun(avgPool2dOp, {
    inputs: { x: nchwToNhwc(file.tensor('input_0')) },
    build: ({ x }) => ({ y: avgPool2d(x, options) }),
    expected: { y: nchwToNhwc(file.tensor('output_0')) },
  });
}

const cases = [
  ...both([1, 1, 1, 1], [1, 1]),
  ...both([3, 7, 5, 3], [2, 2]),
  ...both([2, 4, 6, 8], [2, 2]),
  ...both([1, 5, 7, 4], [3, 3], [1, 1], [1, 1, 1, 1]),
  ...both([1, 7, 6, 5], [3, 2], [2, 1], [2, 0, 1, 1]),
  ...both([1, 9, 13, 4], [2, 1], [3, 2]),
  ...both([2, 1, 1, 4], [3, 3], [2, 2], [1, 1, 1, 1]),
  ...both([1, 6, 7, 4], [2, 3], [2, 2], [0, 0, 0, 0], true),
  ...both([2, 5, 6, 3], [2, 2], [2, 2], [0, 1, 0, 1], true),
  ...both([1, 4, 5, 8], [3, 3], [3, 2], [1, 1, 1, 1], true),
  ...both([1, 7, 1, 1], [3, 2], [3, 5], [1, 0, 1, 1], true),
  ...both([1, 6, 11, 4], [4, 5], [3, 4], [1, 2, 2, 0], true),
  // Every number is near the largest that is possible.
  ...both([1, 2, 3, 4], [1, 32767], [32767, 32766], [0, 32766, 0, 32765]),
];

const window = { kernel: [2, 2], stride: [2, 2], ceilMode: false, countIncludePad: true } as const;

/** These are the gradients of some of the cases, which are linear and have gradients themselves. */
const gradientCases = cases
  .filter(({ attrs: { pad } }) => pad.some((d) => d > 0))
  .map(({ name, inputs, attrs }): OpCase<GradientAttrs, typeof avgPool2dGradientOp.args> => {
    const { shape } = inputs.x;
    const [, height = 0, width = 0] = shape;
    const size = { shape, data: new Float64Array() };
    return { name, inputs: { gy: { shape: oracle.pooledShape(size, attrs) } }, attrs: { ...attrs, height, width } };
  });

const imageShape = ({ shape }: { readonly shape: readonly number[] }, { height, width }: GradientAttrs) => {
  const [n = 0, , , c = 0] = shape;
  return [n, height, width, c];
};

export const rooms: readonly Room[] = [
  room(avgPool2dOp, {
    name: 'avgPool2d',
    build: ({ x }, attrs) => ({ y: avgPool2d(x, attrs) }),
    forward: ({ x }, attrs) => ({ y: oracle.avgPool2d(x, attrs) }),
    backward: ({ x }, attrs, { y: gy }) => ({ x: oracle.avgPool2dGradient(x.shape, attrs, gy) }),
    cases,
    nonFinite: [4, 5].flatMap((channels) =>
      both([1, 7, 6, channels], [3, 3], [2, 1], [1, 1, 1, 1]).map((c) => ({
        ...c,
        name: `NaN and infinities, ${c.name}`,
        inputs: { x: { shape: [1, 7, 6, channels], fill: testSpecial } },
      })),
    ),
    refuses: [
      {
        inputs: { x: { shape: [2, 4, 4, 3] } },
        attrs: { ...window, pad: [0, 2, 0, 0] },
        error: /avgPool2d: pad must be integers from 0 to less than the kernel 2,2, got 0,2,0,0/,
      },
      {
        inputs: { x: { shape: [1, 1, 4, 3] } },
        attrs: { ...window, pad: [0, 0, 0, 0] },
        error: /avgPool2d: kernel 2,2 does not fit x \[1, 1, 4, 3\]/,
      },
      {
        inputs: { x: { shape: [1, 4, 4, 3] } },
        attrs: { ...window, stride: [0, 2], pad: [0, 0, 0, 0] },
        error: /avgPool2d: stride must be an integer from 1 to 32767 or two of them, got 0,2/,
      },
      {
        inputs: { x: { shape: [4, 4] } },
        attrs: { ...window, pad: [0, 0, 0, 0] },
        error: /avgPool2d: x must be \[batch, height, width, channels\], got \[4, 4\]/,
      },
    ],
    bench: [
      ...both([4, 35, 35, 288], [3, 3], [1, 1], [1, 1, 1, 1]).slice(1),
      ...both([4, 128, 64, 64], [2, 2]).slice(0, 1),
    ],
    fixtures: { avg_pool2d: readTorch, AveragePool: readOnnx },
  }),
  room(avgPool2dGradientOp, {
    name: 'avgPool2dGradient',
    build: ({ gy }, attrs) => ({ gx: avgPool2dGradient(gy, attrs) }),
    forward: ({ gy }, attrs) => ({ gx: oracle.avgPool2dGradient(imageShape(gy, attrs), attrs, gy) }),
    backward: (_, attrs, { gx: g }) => ({ gy: oracle.avgPool2d(g, attrs) }),
    cases: gradientCases,
    refuses: [
      {
        inputs: {},
        attrs: { ...window, pad: [0, 0, 0, 0], height: 4, width: 4 },
        error: /avgPool2dGradient: gy must be a Tensor, got undefined/,
      },
    ],
  }),
];

const names = {
  ...poolNames,
  first_row: 'first row that counts in the size of a window: −top where the padding counts, else 0',
  first_column: 'first column that counts: −left or 0',
  end_row: 'the row after the last that counts: height + bottom, or height',
  end_column: 'the column after the last that counts',
};

export const terms: Readonly<Record<string, Terms>> = {
  avgPool2d: termsOf(avgPool2dOp, { layout: { x: 'N H W C', y: 'N Ho Wo C' }, names }),
  avgPool2dGradient: termsOf(avgPool2dGradientOp, { layout: { gy: 'N Ho Wo C', gx: 'N H W C' }, names }),
};
