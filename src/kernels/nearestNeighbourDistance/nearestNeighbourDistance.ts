import gradientNaiveCode from '../../../shaders/nearestNeighbourDistance/gradient-naive.wgsl?raw';
import gradientVec4Code from '../../../shaders/nearestNeighbourDistance/gradient-vec4.wgsl?raw';
import naiveCode from '../../../shaders/nearestNeighbourDistance/naive.wgsl?raw';
import registersCode from '../../../shaders/nearestNeighbourDistance/registers.wgsl?raw';
import subgroupCode from '../../../shaders/nearestNeighbourDistance/subgroup.wgsl?raw';
import tileCode from '../../../shaders/nearestNeighbourDistance/tile.wgsl?raw';
import { applyOne, arg, type Call, type Dispatch, grid, type Op, type Variant, vec4Ready } from '../../autograd/op.js';
import { expectShape, formatShape, nhwc, type Tensor } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { type Shader, shader } from '../../gpu/shader.js';
import { rejectsSubgroups } from '../conv2d/subgroup.js';

export interface NearestNeighbourAttrs {
  /** Side of the square window in pixels, odd. */
  window: number;
}

type NearestCall = Call<NearestNeighbourAttrs>;

const name = 'nearestNeighbourDistance';
const unaligned = 'channels, strides and offsets must be multiples of 4';

/** Pixels that one dispatch computes at most, so that none runs into a GPU's time limit. */
const MOST_PIXELS = 2 ** 16;

const naive = shader(`${name}/naive`, naiveCode);
const registers = shader(`${name}/registers`, registersCode);
const subgroup = shader(`${name}/subgroup`, subgroupCode);
const tile = shader(`${name}/tile`, tileCode);

/** [start, end) ranges of at most `most` that together are [0, count). */
function ranges(count: number, most: number): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (let start = 0; start < count; start += most) found.push({ start, end: Math.min(count, start + most) });
  return found;
}

function perPixel(call: NearestCall, kernel: Shader, constants: Record<string, number>): Dispatch[] {
  const { rows, channels, shape } = arg(call, 'generated');
  const params = { height: shape[1] as number, width: shape[2] as number, channels };
  return ranges(rows, MOST_PIXELS).map(({ start, end }) => ({
    shader: kernel,
    constants,
    params: { ...params, start, end },
    workgroups: grid(end - start, 64),
  }));
}

/**
 * Columns of a window row whose distances an invocation keeps at once: as few passes as 5 registers allow, evenly
 * filled.
 */
const columnsAtOnce = (window: number) => Math.ceil(window / Math.ceil(window / 5));

const variants: Variant<NearestNeighbourAttrs>[] = [
  {
    name: 'tile',
    rejects: ({ attrs, arg: { generated, reference } }) =>
      (attrs.window > 7 && 'the window must be at most 7') || (!vec4Ready(generated, reference) && unaligned),
    avoid: ({ device }) => device.software,
    launch: (call) => {
      const { window } = call.attrs;
      const { shape, channels } = arg(call, 'generated');
      const [images, height, width] = shape as [number, number, number, number];
      const cols = 8;
      const rows = Math.min(8, Math.floor(256 / (cols * window)));
      const [tilesX, tilesY] = [Math.ceil(width / cols), Math.ceil(height / rows)];
      const params = { tiles_x: tilesX, tiles_y: tilesY, height, width, channels };
      return {
        dispatches: ranges(images * tilesX * tilesY, Math.floor(MOST_PIXELS / (cols * rows))).map(({ start, end }) => ({
          shader: tile,
          constants: { WINDOW: window, COLS: cols, ROWS: rows },
          params: { ...params, start, end },
          workgroups: grid(end - start, 1),
        })),
      };
    },
  },
  {
    name: 'subgroup',
    rejects: ({ attrs, arg: { generated, reference }, device }) =>
      rejectsSubgroups(device) ||
      (attrs.window > Math.min(5, device.subgroupSize) && 'the window must be at most 5 and fit a subgroup') ||
      (!vec4Ready(generated, reference) && unaligned),
    // Of 4 lanes half are spent on the halo of the smallest window.
    avoid: ({ device }) => !device.software || device.subgroupSize < 8,
    launch: (call) => {
      const { window } = call.attrs;
      const { channels, shape } = arg(call, 'generated');
      const [images, height, width] = shape as [number, number, number];
      const lanes = call.device.subgroupSize;
      const strips = Math.ceil(width / (lanes - window + 1));
      const params = { strips, height, width, channels };
      return {
        dispatches: ranges(images * height * strips, Math.floor(MOST_PIXELS / lanes)).map(({ start, end }) => ({
          shader: subgroup,
          constants: { WINDOW: window, LANES: lanes },
          params: { ...params, start, end },
          workgroups: grid(end - start, 1),
        })),
      };
    },
  },
  {
    name: 'registers',
    rejects: ({ arg: { generated, reference } }) => !vec4Ready(generated, reference) && unaligned,
    launch: (call) => {
      const { window } = call.attrs;
      const constants = { WINDOW: window, COLUMNS: columnsAtOnce(window) };
      return { dispatches: perPixel(call, registers, constants) };
    },
  },
  { name: 'naive', launch: (call) => ({ dispatches: perPixel(call, naive, { WINDOW: call.attrs.window }) }) },
];

function gradientVariant(variantName: string, code: string, step: 1 | 4): Variant<NearestNeighbourAttrs> {
  const kernel = shader(`${name}Gradient/${variantName}`, code);
  return {
    name: variantName,
    rejects: ({ arg: { generated, reference, gx } }) => step === 4 && !vec4Ready(generated, reference, gx) && unaligned,
    launch: (call) => {
      const { rows, channels, shape } = arg(call, 'gx');
      const count = (rows * channels) / step;
      const params = { count, channels, width: shape[2] as number };
      const constants = { WINDOW: call.attrs.window };
      return { dispatches: [{ shader: kernel, constants, params, workgroups: grid(count, 64) }] };
    },
  };
}

const gradientOp: Op<NearestNeighbourAttrs> = {
  name: `${name}Gradient`,
  args: ['generated', 'reference', 'winner', 'gy'],
  results: ['gx'],
  epilogue: 'gx',
  strided: ['generated', 'reference', 'gy', 'gx'],
  infer: ([generated]) => [generated as Tensor],
  variants: [gradientVariant('vec4', gradientVec4Code, 4), gradientVariant('naive', gradientNaiveCode, 1)],
  cost: (call) => {
    const { rows, channels } = arg(call, 'gx');
    return { flops: 2 * rows * channels, bytes: 4 * (3 * rows * channels + 2 * rows) };
  },
};

export const nearestNeighbourDistanceOp: Op<NearestNeighbourAttrs> = {
  name,
  args: ['generated', 'reference'],
  results: ['y', 'winner'],
  strided: ['generated', 'reference', 'y'],
  infer: (inputs, { window }) => {
    const [generated, reference] = inputs as Tensor[] as [Tensor, Tensor];
    const [N, H, W] = nhwc(name, 'generated', generated);
    expectShape(name, 'reference', reference, generated.shape, 'the shape of generated');
    if (!Number.isInteger(window) || window < 1 || window % 2 === 0)
      throw new ShapeError(
        name,
        `window must be an odd number of pixels, got ${window} for generated ${formatShape(generated.shape)}`,
      );
    return [
      { shape: [N, H, W], dtype: 'f32' },
      { shape: [N, H, W], dtype: 'u32' },
    ];
  },
  // y(p) = Σ_c |g(p, c) − r(q, c)|, q the winner  ⇒  gg(p, c) = gy(p) · sign(g(p, c) − r(q, c)); the reference is data
  gradient: (node, [gy], [needsGenerated]) => {
    if (!gy || !needsGenerated) return [undefined];
    const [generated, reference] = node.inputs;
    return [applyOne(gradientOp, [generated, reference, node.outputs[1], gy], node.attrs as NearestNeighbourAttrs)];
  },
  variants,
  cost: (call) => {
    const { rows, channels } = arg(call, 'generated');
    return { flops: 3 * rows * channels * call.attrs.window ** 2, bytes: 4 * (2 * rows * channels + 2 * rows) };
  },
};

/**
 * Distance to the nearest neighbour (paper, Section 3.3, Eqs. 5–6): for every pixel p the minimum, over the pixels q
 * of the `window` × `window` square around p, of Σ_c |generated(p, c) − reference(q, c)|. Both images are [N, H, W,
 * C], the result is [N, H, W]. Window positions outside the image are no candidates; of equals the first in row-major
 * order wins. The gradient flows to `generated` alone, through the winning pair, with sign(0) = 0. Throws
 * `ShapeError`.
 */
export function nearestNeighbourDistance(generated: Tensor, reference: Tensor, options: { window: number }): Tensor {
  return applyOne(nearestNeighbourDistanceOp, [generated, reference], { window: options.window });
}
