import naiveSource from '../../../shaders/convTranspose2d/naive.wgsl';
import registersSource from '../../../shaders/convTranspose2d/registers.wgsl';
import scalarSource from '../../../shaders/convTranspose2d/scalar.wgsl';
import subgroupSource from '../../../shaders/convTranspose2d/subgroup.wgsl';
import tiledSource from '../../../shaders/convTranspose2d/tiled.wgsl';
import { arg, type Call, grid, type Variant, vec4Ready } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { writtenOut } from '../../gpu/unroll.js';
import { convParams } from '../conv2d/launch.js';
import { rejectsSubgroups } from '../conv2d/subgroup.js';
import { tiledVariants } from '../conv2d/tiles.js';
import type { ConvTransposeAttrs } from './convTranspose2d.js';

const naive = shader('convTranspose2d/naive', naiveSource);
const scalar = shader('convTranspose2d/scalar', scalarSource);
const registers = shader('convTranspose2d/registers', registersSource);
const subgroup = writtenOut('convTranspose2d/subgroup', subgroupSource);

/** Output pixels of one phase, and number of phases. */
function phases(call: Call<ConvTransposeAttrs>): { pixels: number; count: number } {
  const [N = 0, Ho = 0, Wo = 0] = arg(call, 'y').shape;
  const [sh, sw] = call.attrs.stride;
  return { pixels: N * Math.ceil(Ho / sh) * Math.ceil(Wo / sw), count: sh * sw };
}

const tiled = tiledVariants<ConvTransposeAttrs>({
  op: 'convTranspose2d',
  source: tiledSource,
  product: (call) => {
    const [KH = 0, KW = 0] = arg(call, 'w').shape;
    const [sh, sw] = call.attrs.stride;
    const { pixels, count } = phases(call);
    // Terms of the phase that has most.
    const steps = Math.ceil(KH / sh) * Math.ceil(KW / sw) * Math.ceil(arg(call, 'x').channels / 8);
    return { rows: pixels, columns: arg(call, 'y').channels, steps, copies: count };
  },
  scalar: ({ arg: { x, w, y, bias } }) => [
    ...(vec4Ready(x, w) ? [] : ['x', 'w']),
    ...(vec4Ready(y, bias) ? [] : ['bias', 'y']),
  ],
});

/** The kernel for subgroups with a tile of 32 pixels of a phase × so many output channels. */
const subgroupVariant = (
  columns: number,
  avoid: (call: Call<ConvTransposeAttrs>) => boolean,
): Variant<ConvTransposeAttrs> => ({
  name: `subgroup32x${columns}`,
  rejects: (call) =>
    rejectsSubgroups(call.device) ||
    (!vec4Ready(call.arg.x, call.arg.w) && 'channels, stride and offset of x must be multiples of 4') ||
    (phases(call).count > 65535 && 'too many phases'),
  avoid: (call) => !call.device.software || avoid(call),
  launch: (call) => {
    const { pixels, count } = phases(call);
    const LANES = call.device.subgroupSize;
    const kernel = subgroup({ LANES, ROWS: 32, QUADS: columns / (4 * LANES) });
    const [across, down] = grid(Math.ceil(pixels / 32) * Math.ceil(arg(call, 'y').channels / columns), 1);
    return { dispatches: [{ shader: kernel, params: convParams(call), workgroups: [across, down, count] }] };
  },
});

export const variants: readonly Variant<ConvTransposeAttrs>[] = [
  ...tiled,
  subgroupVariant(64, (call) => arg(call, 'y').channels <= 32),
  subgroupVariant(32, () => false),
  {
    name: 'registers',
    rejects: (call) =>
      (!vec4Ready(call.arg.x, call.arg.w) && 'channels, stride and offset of x must be multiples of 4') ||
      (phases(call).count > 65535 && 'too many phases'),
    launch: (call) => {
      const { pixels, count } = phases(call);
      const [across, down] = grid(Math.ceil(pixels / 8) * Math.ceil(arg(call, 'y').channels / 8), 32);
      return { dispatches: [{ shader: registers, params: convParams(call), workgroups: [across, down, count] }] };
    },
  },
  {
    name: 'scalar',
    rejects: (call) => phases(call).count > 65535 && 'too many phases',
    launch: (call) => {
      const { pixels, count } = phases(call);
      const [across, down] = grid(Math.ceil(pixels / 8) * Math.ceil(arg(call, 'y').channels / 4), 32);
      return { dispatches: [{ shader: scalar, params: convParams(call), workgroups: [across, down, count] }] };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const { rows, channels } = arg(call, 'y');
      return { dispatches: [{ shader: naive, params: convParams(call), workgroups: grid(rows * channels, 64) }] };
    },
  },
];
