import gradientNaiveSource from '../../../shaders/nearestNeighbourDistance/gradient-naive.wgsl';
import gradientVec4Source from '../../../shaders/nearestNeighbourDistance/gradient-vec4.wgsl';
import naiveSource from '../../../shaders/nearestNeighbourDistance/naive.wgsl';
import registersSource from '../../../shaders/nearestNeighbourDistance/registers.wgsl';
import subgroupSource from '../../../shaders/nearestNeighbourDistance/subgroup.wgsl';
import tileSource from '../../../shaders/nearestNeighbourDistance/tile.wgsl';
import { arg, type Call, type Dispatch, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { type Shader, type ShaderSource, shader } from '../../gpu/shader.js';
import { rejectsSubgroups } from '../conv2d/subgroup.js';
import { type NearestNeighbourAttrs, name } from './nearestNeighbourDistance.js';

type NearestCall = Call<NearestNeighbourAttrs>;

const unaligned = 'channels, strides and offsets must be multiples of 4';

/** Pixels that one dispatch computes at most, so that none runs into a GPU's time limit. */
const MOST_PIXELS = 2 ** 16;
const naive = shader(`${name}/naive`, naiveSource);
const registers = shader(`${name}/registers`, registersSource);
const subgroup = shader(`${name}/subgroup`, subgroupSource);
const tile = shader(`${name}/tile`, tileSource);

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

export const forwardVariants: Variant<NearestNeighbourAttrs>[] = [
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

function gradientVariant(variantName: string, source: ShaderSource, step: 1 | 4): Variant<NearestNeighbourAttrs> {
  const kernel = shader(`${name}Gradient/${variantName}`, source);
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

export const gradientVariants: readonly Variant<NearestNeighbourAttrs>[] = [
  gradientVariant('vec4', gradientVec4Source, 4),
  gradientVariant('naive', gradientNaiveSource, 1),
];
