import { nchwToNhwc, permute } from '../layout.js';
import { at, dims4, nd } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type InputSpec,
  type OpFixtureRun,
  type Room,
  room,
  type Terms,
  termsOf,
  UnsupportedFixture,
} from '../room.js';
import { affineWarp, affineWarpGradientOp, affineWarpOp } from './affineWarp.js';
import { warp, warpBackward } from './oracle.js';

/** Fills `images` × `parts` maps by repeating `values`, six numbers per map. */
function maps(images: number, parts: number, values: readonly number[]): InputSpec {
  return { shape: [images, parts, 6], fill: (i) => values[i % values.length] ?? 0 };
}

/** Makes rotations and scalings about the centre of the image, like those of limbs. */
function similarities(images: number, parts: number, height: number, width: number): InputSpec {
  const values: number[] = [];
  for (let k = 0; k < images * parts; k++) {
    const angle = 0.7 * k - 1;
    const size = 0.6 + 0.35 * (k % 5);
    const [a, b] = [size * Math.cos(angle), -size * Math.sin(angle)];
    const [x, y] = [(width - 1) / 2 + 0.4 * (k % 3), (height - 1) / 2 - 0.3 * (k % 4)];
    values.push(a, b, x - a * x - b * y, -b, a, y + b * x - a * y);
  }
  return maps(images, parts, values);
}

const identity = [1, 0, 0, 0, 1, 0];
const constantMap = [0, 0, 2.25, 0, 0, 1.5];
const rankOne = [0.5, 1, -1, 0.25, 0.5, 0.5];
const nearlySingular = [1, 2, -2, 0.5, 1.0001, 0.3];
const faraway = [1, 0, 1000, 0, 1, 1000];
const enormous = [1e30, -1e30, 3, 0, 1e30, 2];
const tiny = [1e-25, 0, 1.5, 0, 1e-25, 0.75];
const shrink = [3.3, 0.2, -4, -0.1, 2.9, -3];
const mirror = [-1, 0, 4, 0, 1, 0];

const sample = (name: string, shape: readonly number[], affine: InputSpec, scale = 1) => ({
  name,
  inputs: { x: { shape }, affine },
  attrs: { scale },
});

const degenerate = [constantMap, rankOne, nearlySingular, faraway, enormous, tiny, shrink, mirror].flat();

const cases = [
  sample('1×1, one channel', [1, 1, 1, 1], maps(1, 2, [...identity, 1, 0, 0.25, 0, 1, -0.5])),
  sample('odd channels', [3, 7, 5, 3], similarities(3, 4, 7, 5)),
  sample('four channels', [1, 5, 11, 4], similarities(1, 3, 5, 11)),
  sample('eight channels, batch 3', [3, 6, 4, 8], similarities(3, 2, 6, 4)),
  sample('degenerate maps', [1, 5, 7, 3], maps(1, 8, degenerate)),
  sample('degenerate maps, four channels', [1, 7, 6, 4], maps(1, 8, degenerate)),
  sample('a grid 4 times coarser', [2, 8, 5, 4], similarities(2, 5, 32, 20), 4),
  sample('a grid 2 times coarser, two channels', [1, 6, 9, 2], similarities(1, 3, 12, 18), 2),
  sample('identity', [1, 3, 4, 4], maps(1, 1, identity)),
];

/** The four skip levels of the generator for Market-1501, with a batch of 4 and ten parts. */
const bench = [
  [128, 64, 64],
  [64, 32, 128],
  [32, 16, 256],
  [16, 8, 512],
].map((image, level) => sample(`market skip ${level}`, [4, ...image], similarities(4, 10, 128, 64), 2 ** level));

/** Turns a reference file into a graph of the op. */
const graph = (run: Omit<OpFixtureRun<typeof affineWarpOp.args>, 'build'>): FixtureRun =>
  fixtureRun(affineWarpOp, { ...run, build: ({ x, affine }) => ({ y: affineWarp(x, affine) }) });

function affineWarpFixture(file: FixtureFile): FixtureRun {
  return graph({
    inputs: { x: nchwToNhwc(file.tensor('x')), affine: file.tensor('affine') },
    expected: { y: permute(file.tensor('y'), [0, 1, 3, 4, 2]), g_x: nchwToNhwc(file.tensor('g_x')) },
    upstream: { y: permute(file.tensor('gy'), [0, 1, 3, 4, 2]) },
  });
}

/**
 * Returns the pixel coordinate of the normalised coordinate v ∈ [−1, 1]. With `corners`, ±1 are the centres of the
 * outermost pixels, not their edges.
 */
const toPixel = (v: number, size: number, corners: boolean) =>
  corners ? ((v + 1) / 2) * (size - 1) : ((v + 1) * size - 1) / 2;
const fromPixel = (i: number, size: number, corners: boolean) =>
  corners ? (2 * i) / (size - 1) - 1 : (2 * i + 1) / size - 1;

const option = (file: FixtureFile, name: string, byDefault: unknown) => file.attrs[name] ?? byDefault;

/** Every point of the grid becomes a map of all target pixels to that point, whose warp has one value everywhere. */
function gridSampleFixture(file: FixtureFile): FixtureRun {
  const mode = String(option(file, 'mode', 'linear'));
  const padding = String(option(file, 'padding_mode', 'zeros'));
  if (mode !== 'linear' && mode !== 'bilinear') throw new UnsupportedFixture(`GridSample mode ${mode}`);
  if (padding !== 'zeros') throw new UnsupportedFixture(`GridSample padding_mode ${padding}`);
  const corners = Number(option(file, 'align_corners', 0)) === 1;
  const x = nchwToNhwc(file.tensor('input_0'));
  const grid = file.tensor('input_1');
  const samples = nchwToNhwc(file.tensor('output_0'));
  if (x.shape.length !== 4 || grid.shape.length !== 4)
    throw new UnsupportedFixture('GridSample of images that are not 2-D');
  const [N, H, W, C] = dims4(x);
  const [, rows = 0, columns = 0] = grid.shape;
  const points = rows * columns;
  const affine = nd([N, points, 6], (i) => {
    const point = 2 * Math.floor(i / 6);
    if (i % 6 === 2) return toPixel(at(grid, point), W, corners);
    return i % 6 === 5 ? toPixel(at(grid, point + 1), H, corners) : 0;
  });
  const y = nd([N, points, H, W, C], (i) => at(samples, Math.floor(i / (H * W * C)) * C + (i % C)));
  return graph({ inputs: { x, affine }, expected: { y } });
}

/**
 * The ONNX result says where each pixel of an H×W grid is mapped, in normalised coordinates. The two channels of a ramp
 * image hold the normalised coordinates of its own pixels, and the ramp contains every mapped point, so its warp must
 * equal the ONNX result. Pixels beyond H×W are compared with the float64 oracle.
 */
function affineGridFixture(file: FixtureFile): FixtureRun {
  const corners = Number(option(file, 'align_corners', 0)) === 1;
  const theta = file.tensor('input_0');
  const size = [...file.tensor('input_1').data];
  if (size.length !== 4) throw new UnsupportedFixture('AffineGrid of images that are not 2-D');
  const [N = 0, , H = 0, W = 0] = size;
  if (corners && (H === 1 || W === 1))
    throw new UnsupportedFixture('AffineGrid of one row or column with align_corners');
  const mapped = file.tensor('output_0');
  /**
   * Makes the ramp along an axis (0 = x, 1 = y). Its pixel i holds the coordinate of pixel i − before,
   * origin + step·(i − before).
   */
  const rampOf = (pixels: number, axis: 0 | 1) => {
    const to = Array.from(mapped.data).flatMap((v, i) => (i % 2 === axis ? [toPixel(v, pixels, corners)] : []));
    const before = Math.max(0, 1 - Math.floor(Math.min(...to)));
    const count = Math.max(pixels, before + Math.ceil(Math.max(...to)) + 2);
    const origin = fromPixel(0, pixels, corners);
    const step = fromPixel(1, pixels, corners) - origin;
    return { before, count, origin, step, at: (i: number) => fromPixel(i - before, pixels, corners) };
  };
  const [cols, rows] = [rampOf(W, 0), rampOf(H, 1)];
  const x = nd([N, rows.count, cols.count, 2], (i) => {
    const pixel = Math.floor(i / 2);
    return i % 2 === 0 ? cols.at(pixel % cols.count) : rows.at(Math.floor(pixel / cols.count) % rows.count);
  });
  // On each axis normalised = step·pixel + origin, so
  // pixel' = (θ · (normalised x, normalised y, 1) − origin)/step + before.
  const affine = nd([N, 1, 6], (i) => {
    const [to, k] = [i % 6 < 3 ? cols : rows, i % 3];
    const [t0 = 0, t1 = 0, t2 = 0] = theta.data.slice(i - k, i - k + 3);
    if (k < 2) return (k === 0 ? t0 * cols.step : t1 * rows.step) / to.step;
    return (t0 * cols.origin + t1 * rows.origin + t2 - to.origin) / to.step + to.before;
  });
  const y = warp(x, affine, 1);
  for (let n = 0; n < N; n++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++)
        for (const axis of [0, 1])
          y.data[((n * rows.count + i) * cols.count + j) * 2 + axis] = at(mapped, ((n * H + i) * W + j) * 2 + axis);
  return graph({ inputs: { x, affine }, expected: { y } });
}

export const rooms: readonly Room[] = [
  room(affineWarpOp, {
    name: 'affineWarp',
    build: ({ x, affine }, { scale }) => ({ y: affineWarp(x, affine, { scale }) }),
    forward: ({ x, affine }, { scale }) => ({ y: warp(x, affine, scale) }),
    backward: ({ x, affine }, { scale }, { y }) => ({ x: warpBackward(x, affine, scale, y) }),
    cases,
    refuses: [
      {
        inputs: { x: { shape: [2, 3, 3, 1] }, affine: { shape: [1, 4, 6] } },
        attrs: { scale: 1 },
        error: /affineWarp: affine must be f32 \[2, parts, 6\].*x \[2, 3, 3, 1\].*got f32 \[1, 4, 6\]/,
      },
      {
        inputs: { x: { shape: [3, 3, 1] }, affine: { shape: [1, 4, 6] } },
        attrs: { scale: 1 },
        error: /affineWarp: x must be \[batch, height, width, channels\], got \[3, 3, 1\]/,
      },
      {
        inputs: { x: { shape: [1, 3, 3, 1] }, affine: { shape: [1, 4, 6] } },
        attrs: { scale: 0.5 },
        error: /affineWarp: options.scale must be at least 1, got 0.5/,
      },
    ],
    bench,
    fixtures: { affine_warp: affineWarpFixture, GridSample: gridSampleFixture, AffineGrid: affineGridFixture },
  }),
];

const names = {
  count: 'number of elements of the result, or of groups of four channels in vec4 kernels',
  channels: 'number of channels of the result',
  parts: 'number P of affine maps of an image',
  height: 'height of the unwarped image',
  width: 'width of the unwarped image',
  scale: 'how much coarser the grid is than the coordinates of the maps',
};

export const terms: Readonly<Record<string, Terms>> = {
  affineWarp: termsOf(affineWarpOp, { layout: { x: 'N H W C', affine: 'N P 6', y: 'N P H W C' }, names }),
  affineWarpGradient: termsOf(affineWarpGradientOp, {
    layout: { affine: 'N P 6', gy: 'N P H W C', gx: 'N H W C' },
    names,
  }),
};
