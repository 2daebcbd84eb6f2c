import type { Arg, Dispatch } from '../../autograd/kernel.js';
import { grid } from '../../autograd/kernel.js';
import type { Shader } from '../../gpu/shader.js';

/** The kernels that compute whole rows share this file: `softmax`, `crossEntropy` and their gradients. */

/**
 * Returns how many neighbouring invocations compute a row: a power of two, up to a workgroup, with about four channels
 * each.
 */
const lanesFor = (channels: number): number => Math.min(256, 2 ** Math.ceil(Math.log2(Math.ceil(channels / 4))));

export interface RowDispatch {
  readonly shader: Shader;
  readonly constants?: Readonly<Record<string, number>>;
  readonly params?: Readonly<Record<string, number>>;
}

/** Returns a dispatch with one invocation for every row of x. */
export function byRows({ rows, channels }: Arg, { params, ...of }: RowDispatch): Dispatch {
  return { ...of, params: { rows, channels, ...params }, workgroups: grid(rows, 64) };
}

/** Returns a dispatch with several neighbouring invocations for every row of x. */
export function byLanes({ rows, channels }: Arg, { params, constants, ...of }: RowDispatch): Dispatch {
  const LANES = lanesFor(channels);
  return {
    ...{ ...of, constants: { ...constants, LANES }, params: { rows, channels, ...params } },
    workgroups: grid(rows * LANES, 256),
  };
}

/** The reason for choosing kernels of lanes. */
export const SHARED_ROWS = 'neighbouring invocations share a row and read neighbouring channels';
