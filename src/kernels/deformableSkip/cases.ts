import { apply, f32, optional, u32 } from '../../autograd/op.js';
import { nchwToNhwc } from '../layout.js';
import { at, dims4, type Nd, nd, testSpecial } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type InputSpec,
  type OpCase,
  type OpRefusal,
  type Room,
  room,
  type Terms,
  termsOf,
  UnsupportedFixture,
} from '../room.js';
import { deformableSkip, deformableSkipGradientOp, deformableSkipOp } from './deformableSkip.js';
import { deform, deformBackward } from './oracle.js';
import type { DeformableSkipAttrs } from './settings.js';

const { args } = deformableSkipOp;

type SkipCase = OpCase<DeformableSkipAttrs, typeof args>;
type Shape = readonly [number, number, number, number];

/**
 * Makes maps of an H×W image like those of limbs: rotations about a point near its centre. The point is off the grid,
 * because a pixel that maps to itself would tie with the identity up to rounding. With `odd` some maps mirror, lead far
 * away or are constant.
 */
function limbs(images: number, parts: number, height: number, width: number, odd = true): InputSpec {
  const values: number[] = [];
  for (let k = 0; k < images * parts; k++) {
    const angle = 0.9 * k - 0.7;
    const size = 0.7 + 0.3 * (k % 4);
    const [a, b] = [size * Math.cos(angle), -size * Math.sin(angle)];
    const [x, y] = [(width - 1) / 2 + 0.11 + 0.37 * (k % 3), (height - 1) / 2 - 0.09 - 0.21 * (k % 4)];
    if (odd && k % 7 === 5) values.push(-1, 0, width - 1.3, 0, 1, 0.4);
    else if (odd && k % 7 === 4) values.push(1, 0, 1000, 0, 1, 1000);
    else if (odd && k % 7 === 3) values.push(0, 0, 1.25, 0, 0, 0.75);
    else values.push(a, b, x - a * x - b * y, -b, a, y + b * x - a * y);
  }
  return { shape: [images, parts, 6], fill: (i) => values[i] ?? Number.NaN };
}

/** Makes masks in which every part covers about `share` of the pixels, and the parts listed in `missing` cover none. */
function masks([n, h, w]: Shape, parts: number, share: number, missing: readonly number[] = []): InputSpec {
  const bits = (random: () => number) => {
    let word = 0;
    for (let part = 0; part < parts; part++) if (random() < share && !missing.includes(part)) word += 2 ** part;
    return word;
  };
  return { shape: [n, h, w], dtype: 'u32', fill: (_, random) => bits(random) };
}

/**
 * Makes masks of upright boxes that cover a tenth of the image, like those of body parts. Every third part is missing.
 */
function boxes([n, h, w]: Shape, parts: number): InputSpec {
  const word = (i: number) => {
    const [row, col] = [Math.floor(i / w) % h, i % w];
    let bits = 0;
    for (let part = 0; part < parts; part++) {
      const [top, left] = [((part * 3) % 7) / 8, ((part * 5) % 6) / 7];
      const inside = row >= top * h && row < (top + 0.35) * h && col >= left * w && col < (left + 0.3) * w;
      if (inside && part % 3 !== 1) bits += 2 ** part;
    }
    return bits;
  };
  return { shape: [n, h, w], dtype: 'u32', fill: word };
}

function sample(
  name: string,
  shape: Shape,
  parts: number,
  attrs: Partial<DeformableSkipAttrs> = {},
  mask = masks(shape, parts, 0.5, [1]),
): SkipCase {
  const scale = attrs.scale ?? 1;
  return {
    name,
    inputs: { x: { shape }, affine: limbs(shape[0], parts, scale * shape[1], scale * shape[2]), mask },
    attrs: { aggregate: 'max', identity: true, maskOn: 'source', scale, ...attrs },
  };
}

const cases: SkipCase[] = [];
for (const aggregate of ['max', 'mean'] as const)
  for (const maskOn of ['source', 'target'] as const) {
    const kind = `${aggregate}, masks on the ${maskOn}`;
    cases.push(
      sample(`${kind}: 1×1, one channel`, [1, 1, 1, 1], 2, { aggregate, maskOn }),
      sample(`${kind}: odd channels, batch 3`, [3, 5, 7, 3], 4, { aggregate, maskOn }),
      sample(`${kind}: four channels, ten parts`, [1, 7, 5, 4], 10, { aggregate, maskOn }),
      sample(`${kind}: no identity`, [2, 6, 5, 5], 3, { aggregate, maskOn, identity: false }),
      sample(`${kind}: no identity, eight channels`, [2, 5, 6, 8], 3, { aggregate, maskOn, identity: false }),
      sample(`${kind}: 32 channels`, [1, 5, 6, 32], 4, { aggregate, maskOn }),
      sample(`${kind}: a grid 4 times coarser`, [1, 6, 5, 4], 5, { aggregate, maskOn, scale: 4 }),
    );
  }
cases.push(
  sample('all 31 parts', [1, 3, 5, 4], 31, {}),
  sample('all 31 parts, masks on the target, odd channels', [1, 3, 5, 2], 31, { maskOn: 'target' }),
  sample('no part anywhere', [1, 4, 3, 4], 3, {}, masks([1, 4, 3, 4], 3, 0)),
  sample('no part anywhere, masks on the target', [1, 4, 3, 4], 3, { maskOn: 'target' }, masks([1, 4, 3, 4], 3, 0)),
  sample('every part everywhere', [1, 5, 4, 4], 5, { identity: false }, masks([1, 5, 4, 4], 5, 1)),
  sample('boxes', [2, 16, 8, 4], 10, {}, boxes([2, 16, 8, 4], 10)),
  sample('boxes, masks on the target', [2, 16, 8, 4], 10, { maskOn: 'target' }, boxes([2, 16, 8, 4], 10)),
  sample('bits beyond the parts are ignored', [1, 4, 5, 4], 2, {}, masks([1, 4, 5, 4], 9, 0.5)),
  sample('bits beyond the parts, on the target', [1, 4, 5, 4], 2, { maskOn: 'target' }, masks([1, 4, 5, 4], 9, 0.5)),
);

/**
 * With identity maps and few values, candidates tie with one another, with x and with 0. With one channel, each winner
 * can be checked by itself.
 */
for (const channels of [1, 4, 5, 8, 16])
  for (const identity of [true, false])
    cases.push({
      ...sample(`ties, ${channels} channels${identity ? '' : ', no identity'}`, [1, 5, 4, channels], 4, { identity }),
      inputs: {
        x: { shape: [1, 5, 4, channels], fill: (i) => (i % 3) - 1 },
        affine: { shape: [1, 4, 6], fill: (i) => [1, 0, i > 12 ? 1 : 0, 0, 1][i % 6] ?? 0 },
        mask: masks([1, 5, 4, channels], 4, 0.6),
      },
      kink: true,
    });

/** A few elements of x are NaN or infinite, independently in each channel, so that ordinary candidates meet them. */
const special = (['max', 'mean'] as const).flatMap((aggregate) =>
  (['source', 'target'] as const).flatMap((maskOn) =>
    [4, 5, 32].flatMap((channels) =>
      [true, false].map((identity) => {
        const made = sample('', [1, 6, 5, channels], 5, { aggregate, maskOn, identity });
        const name = `NaN and infinities: ${aggregate}, masks on the ${maskOn}, ${channels} channels`;
        const x = { ...made.inputs.x, fill: testSpecial };
        return { ...made, name: `${name}${identity ? '' : ', no identity'}`, inputs: { ...made.inputs, x } };
      }),
    ),
  ),
);
/** In this case every candidate is −∞. */
const lowest: SkipCase = {
  ...sample('−∞ everywhere', [1, 5, 4, 4], 3, { identity: false }),
  inputs: {
    x: { shape: [1, 5, 4, 4], fill: () => Number.NEGATIVE_INFINITY },
    affine: { shape: [1, 3, 6], fill: (i) => [1, 0, 0, 0, 1][i % 6] ?? 0 },
    mask: masks([1, 5, 4, 4], 3, 1),
  },
};
const nonFinite = [...special, lowest];

const bench = (
  [
    [4, 128, 64, 64],
    [4, 64, 32, 128],
    [4, 32, 16, 256],
    [4, 16, 8, 512],
  ] as const
).map((shape, level): SkipCase => {
  const skip = sample(`market skip ${level}`, shape, 10, { scale: 2 ** level }, boxes(shape, 10));
  return { ...skip, inputs: { ...skip.inputs, affine: limbs(4, 10, 128, 64, false) } };
});

/** Packs masks [N, P, H, W] of zeros and ones into bits [N, H, W]. */
function packMasks(masks: Nd): Nd {
  const [N, P, H, W] = dims4(masks);
  return nd([N, H, W], (i) => {
    const n = Math.floor(i / (H * W));
    let word = 0;
    for (let h = 0; h < P; h++) if (at(masks, (n * P + h) * H * W + (i % (H * W))) !== 0) word += 2 ** h;
    return word;
  });
}

function deformFixture(file: FixtureFile): FixtureRun {
  const { aggregate } = file.attrs;
  if (aggregate !== 'max' && aggregate !== 'mean')
    throw new UnsupportedFixture(`a deformable skip with the aggregate ${aggregate}; there are max and mean`);
  return fixtureRun(deformableSkipOp, {
    inputs: { x: nchwToNhwc(file.tensor('x')), affine: file.tensor('affine'), mask: packMasks(file.tensor('mask')) },
    dtypes: { mask: 'u32' },
    build: ({ x, affine, mask }) => ({ y: deformableSkip(x, affine, mask, { aggregate }) }),
    expected: { y: nchwToNhwc(file.tensor('y')), g_x: nchwToNhwc(file.tensor('g_x')) },
    upstream: { y: nchwToNhwc(file.tensor('gy')) },
  });
}

const standard: DeformableSkipAttrs = { aggregate: 'max', identity: true, maskOn: 'source', scale: 1 };
const image: InputSpec = { shape: [2, 3, 4, 5] };
const transforms: InputSpec = { shape: [2, 3, 6] };

const refuses: readonly OpRefusal<DeformableSkipAttrs, typeof args>[] = [
  {
    inputs: { x: image, affine: { shape: [2, 6] }, mask: { shape: [2, 3, 4], dtype: 'u32' } },
    attrs: standard,
    error: /deformableSkip: affine must be f32 \[2, parts, 6\].*x \[2, 3, 4, 5\].*got f32 \[2, 6\]/,
  },
  {
    inputs: { x: image, affine: transforms, mask: { shape: [2, 4, 3], dtype: 'u32' } },
    attrs: standard,
    error: /deformableSkip: mask must be \[2, 3, 4\].*got \[2, 4, 3\]/,
  },
  {
    inputs: { x: image, affine: transforms, mask: { shape: [2, 3, 4] } },
    attrs: standard,
    error: /deformableSkip: mask must be u32, got f32/,
  },
  {
    inputs: { x: image, affine: { shape: [2, 32, 6] }, mask: { shape: [2, 3, 4], dtype: 'u32' } },
    attrs: standard,
    error: /deformableSkip: there must be 1 to 31 parts, got .*\[2, 32, 6\]/,
  },
  {
    inputs: { x: image, affine: transforms, mask: { shape: [2, 3, 4], dtype: 'u32' } },
    attrs: { ...standard, scale: 0 },
    error: /deformableSkip: options.scale must be at least 1, got 0/,
  },
];

/** The arguments and results of the public function. */
const published = { args, results: { y: f32 } };
/**
 * The winners that the op stores for its gradient. They must be exact where values tie, and the same in all variants.
 */
const kept = { args, results: { winner: { ...optional, ...u32 } } };

export const rooms: readonly Room[] = [
  room(published, {
    name: 'deformableSkip',
    build: ({ x, affine, mask }, attrs) => ({ y: deformableSkip(x, affine, mask, attrs) }),
    forward: ({ x, affine, mask }, attrs) => ({ y: deform(x, affine, mask, attrs).y }),
    backward: ({ x, affine, mask }, attrs, { y: gy }) => ({ x: deformBackward(x, affine, mask, attrs, gy) }),
    cases,
    nonFinite,
    refuses,
    bench,
    fixtures: { deform: deformFixture },
  }),
  room(kept, {
    name: 'deformableSkip winners',
    build: (inputs, attrs) => ({ winner: apply(deformableSkipOp, inputs, attrs).winner }),
    forward: ({ x, affine, mask }, attrs) => ({ winner: deform(x, affine, mask, attrs).winner }),
    cases: cases.filter((c) => c.attrs.aggregate === 'max'),
    nonFinite: nonFinite.filter((c) => c.attrs.aggregate === 'max'),
    refuses: [
      { inputs: { x: image }, attrs: standard, error: /deformableSkip: affine must be a Tensor, got undefined/ },
    ],
  }),
];

const names = {
  count: 'number of invocations with work; in the naive forward kernel, of groups of up to four channels of a pixel',
  channels: 'number of channels of the result',
  parts: 'number P of parts of an image',
  height: 'height of the image',
  width: 'width of the image',
  scale: 'how much coarser the grid is than the coordinates of the maps',
  MEAN: 'whether the result is the mean of the candidates, without winners, instead of the maximum',
  IDENTITY: 'whether x itself is a candidate; it is the first',
  TARGET: 'whether the masks are on the grid of the result instead of that of x',
  winner: 'a dummy for the result that the mean does not have',
  reach: 'the parts that can reach a pixel, one bit each [N, H, W]',
  spans: 'first and last + 1 column of each part [N, H, P, 2]',
  extent: 'the box of each part on the target, and the box that it reaches on the source [N, P, 2, 4]',
};

export const terms: Readonly<Record<string, Terms>> = {
  deformableSkip: termsOf(deformableSkipOp, {
    layout: { x: 'N H W C', affine: 'N P 6', mask: 'N H W', y: 'N H W C', winner: 'N H W C/4' },
    names,
  }),
  deformableSkipGradient: termsOf(deformableSkipGradientOp, {
    layout: { affine: 'N P 6', mask: 'N H W', winner: 'N H W C/4', gy: 'N H W C', gx: 'N H W C' },
    names,
  }),
};
