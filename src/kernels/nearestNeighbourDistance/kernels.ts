import naiveSource from '../../../shaders/nearestNeighbourDistance/naive.wgsl';
import registersSource from '../../../shaders/nearestNeighbourDistance/registers.wgsl';
import tileSource from '../../../shaders/nearestNeighbourDistance/tile.wgsl';
import { type Dispatch, grid, type Kernels, NEEDS_VEC4, type Variant, vec4Ready } from '../../autograd/kernel.js';
import { type Shader, shader } from '../../gpu/shader.js';
import type { NearestNeighbourCall } from './nearestNeighbourDistance.js';
import { ranges } from './ranges.js';

const naive = shader('nearestNeighbourDistance/naive', naiveSource);
const registersShader = shader('nearestNeighbourDistance/registers', registersSource);
const tileShader = shader('nearestNeighbourDistance/tile', tileSource);

function perPixel({ arg: { generated } }: NearestNeighbourCall, kernel: Shader, constants: Record<string, number>) {
  const [, height = 0, width = 0, channels = 0] = generated.shape;
  return ranges(generated.rows).map(
    ({ start, end }): Dispatch => ({
      shader: kernel,
      constants,
      params: { height, width, channels, start, end },
      workgroups: grid(end - start, 64),
    }),
  );
}

/**
 * Returns how many columns of a window row an invocation processes at once. Five registers hold the distances; the
 * passes are as few as that allows, and equally long.
 */
const columnsAtOnce = (window: number) => Math.ceil(window / Math.ceil(window / 5));

/** The largest window that `tile` supports, which is `MOST` in its source. */
const TILE_WINDOW = 7;

export const tile: Variant<NearestNeighbourCall> = {
  name: 'tile',
  launch: ({ arg: { generated, reference }, attrs: { window } }) => {
    if (window > TILE_WINDOW) return `the window must be at most ${TILE_WINDOW}`;
    if (!vec4Ready(generated, reference)) return NEEDS_VEC4;
    const [images = 0, height = 0, width = 0, channels = 0] = generated.shape;
    const cols = 8;
    const rows = Math.min(8, Math.floor(256 / (cols * window)));
    const [tilesX, tilesY] = [Math.ceil(width / cols), Math.ceil(height / rows)];
    const params = { tiles_x: tilesX, tiles_y: tilesY, height, width, channels };
    return {
      dispatches: ranges(images * tilesX * tilesY, cols * rows).map(({ start, end }) => ({
        shader: tileShader,
        constants: { WINDOW: window, COLS: cols, ROWS: rows },
        params: { ...params, start, end },
        workgroups: grid(end - start, 1),
      })),
    };
  },
};

export const registers: Variant<NearestNeighbourCall> = {
  name: 'registers',
  launch: (call) => {
    if (!vec4Ready(call.arg.generated, call.arg.reference)) return NEEDS_VEC4;
    const { window } = call.attrs;
    const constants = { WINDOW: window, COLUMNS: columnsAtOnce(window) };
    return { dispatches: perPixel(call, registersShader, constants) };
  },
};

export const reference: Variant<NearestNeighbourCall> = {
  name: 'naive',
  launch: (call) => ({ dispatches: perPixel(call, naive, { WINDOW: call.attrs.window }) }),
};

export const kernels: Kernels<NearestNeighbourCall> = {
  variants: [tile, registers, reference],
  reference,
  choose: ({ arg, attrs: { window } }) => {
    if (!vec4Ready(arg.generated, arg.reference)) return { variant: reference, reason: NEEDS_VEC4 };
    return window <= TILE_WINDOW
      ? { variant: tile, reason: 'the invocations of a tile share the pixels that they read' }
      : { variant: registers, reason: `a window of more than ${TILE_WINDOW} pixels is too large for a tile` };
  },
};
