import earlySource from '../../../shaders/partMasks/early.wgsl';
import naiveSource from '../../../shaders/partMasks/naive.wgsl';
import type { Variant } from '../../autograd/op.js';
import { grid } from '../../autograd/op.js';
import { shader } from '../../gpu/shader.js';
import { type Attrs, sizes } from './partMasks.js';

const naive = shader('partMasks/naive', naiveSource);
const early = shader('partMasks/early', earlySource);

export const variants: readonly Variant<Attrs>[] = [
  {
    name: 'early',
    launch: (call) => {
      const { n, parts, height, width, scale } = sizes(call);
      const runs = Math.ceil(width / 4);
      const count = n * height * runs;
      const params = { count, width, height, runs, parts, scale };
      return { dispatches: [{ shader: early, params, workgroups: grid(count, 64) }] };
    },
  },
  {
    name: 'naive',
    launch: (call) => {
      const { n, parts, height, width, scale } = sizes(call);
      const count = n * height * width;
      const params = { count, width, pixels: height * width, parts, scale };
      return { dispatches: [{ shader: naive, params, workgroups: grid(count, 64) }] };
    },
  },
];
