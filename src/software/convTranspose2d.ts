import subgroupSource from '../../shaders/software/convTranspose2d.wgsl';
import type { Kernels, Variant } from '../autograd/kernel.js';
import type { ConvTranspose2dCall } from '../kernels/convTranspose2d/convTranspose2d.js';
import {
  byPhases,
  kernels as forGpus,
  quadsRefusal,
  registersVariant,
  scalarVariant,
} from '../kernels/convTranspose2d/kernels.js';
import { firstOf } from './offers.js';
import { rejectsSubgroups } from './subgroup.js';
import { unrolledShader } from './unroll.js';

const subgroup = unrolledShader('convTranspose2d/subgroup', subgroupSource);

/** The kernel for subgroups with a tile of 32 pixels of a phase × `columns` output channels. */
const subgroupVariant = (columns: number): Variant<ConvTranspose2dCall> => ({
  name: `subgroup32x${columns}`,
  launch: (call) => {
    const refused = rejectsSubgroups(call.device) ?? quadsRefusal(call);
    if (refused) return refused;
    const LANES = call.device.subgroupSize;
    const kernel = subgroup({ LANES, ROWS: 32, QUADS: columns / (4 * LANES) });
    return { dispatches: [byPhases(call, kernel, 32, columns, 1)] };
  },
});

const wide = subgroupVariant(64);
const narrow = subgroupVariant(32);

const variants = forGpus.variants.flatMap((v) => (v === registersVariant ? [wide, narrow, v] : [v]));

export const kernels: Kernels<ConvTranspose2dCall> = firstOf(
  { variants, reference: forGpus.reference },
  [
    {
      variant: wide,
      reason: 'more than 32 output channels, which a subgroup takes 64 at a time',
      suits: ({ arg: { y } }) => y.channels > 32,
    },
    { variant: narrow, reason: 'at most 32 output channels, which a subgroup takes at once' },
    { variant: registersVariant, reason: 'channels and strides of x are multiples of 4' },
    { variant: scalarVariant, reason: 'not all channels and strides of x are multiples of 4' },
  ],
  { variant: forGpus.reference, reason: 'the stride has too many phases for the other kernels' },
);
