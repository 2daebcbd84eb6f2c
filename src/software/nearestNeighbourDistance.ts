import subgroupSource from '../../shaders/software/nearestNeighbourDistance.wgsl';
import { grid, type Kernels, NEEDS_VEC4, type Variant, vec4Ready } from '../autograd/kernel.js';
import { shader } from '../gpu/shader.js';
import { reference, registers, tile } from '../kernels/nearestNeighbourDistance/kernels.js';
import type { NearestNeighbourCall } from '../kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
import { ranges } from '../kernels/nearestNeighbourDistance/ranges.js';
import { firstOf } from './offers.js';
import { rejectsSubgroups } from './subgroup.js';

const subgroupShader = shader('nearestNeighbourDistance/subgroup', subgroupSource);

const subgroup: Variant<NearestNeighbourCall> = {
  name: 'subgroup',
  launch: ({ arg: { generated, reference }, attrs: { window }, device }) => {
    const refusal = rejectsSubgroups(device);
    if (refusal) return refusal;
    const lanes = device.subgroupSize;
    if (window > Math.min(5, lanes)) return 'the window must be at most 5 and fit a subgroup';
    if (!vec4Ready(generated, reference)) return NEEDS_VEC4;
    const [images = 0, height = 0, width = 0, channels = 0] = generated.shape;
    const strips = Math.ceil(width / (lanes - window + 1));
    const params = { strips, height, width, channels };
    return {
      dispatches: ranges(images * height * strips, lanes).map(({ start, end }) => ({
        shader: subgroupShader,
        constants: { WINDOW: window, LANES: lanes },
        params: { ...params, start, end },
        workgroups: grid(end - start, 1),
      })),
    };
  },
};

/** The kernels without tiles, because a CPU waits long at their barriers. */
export const kernels: Kernels<NearestNeighbourCall> = firstOf(
  { variants: [tile, subgroup, registers, reference], reference },
  [
    {
      variant: subgroup,
      reason: 'the lanes of a subgroup share what they read of the window',
      // With 4 lanes, the margin of even the smallest window would occupy half of them.
      suits: ({ device }) => device.subgroupSize >= 8,
    },
    { variant: registers, reason: 'the window is too wide for a subgroup, or there are none of 8 lanes' },
  ],
  { variant: reference, reason: NEEDS_VEC4 },
);
