import { type Arg, grid, type Launch } from '../../autograd/kernel.js';
import type { Shader } from '../../gpu/shader.js';

/** The arguments of a kernel of the op or of its gradient. */
interface Warp {
  /** The unwarped images [N, H, W, C]. */
  readonly images: Arg;
  readonly affine: Arg;
  readonly scale: number;
  /** The tensor that the kernel writes. */
  readonly result: Arg;
}

/** Launches one invocation per `width` channels of the result. */
export function launchWarp(shader: Shader, width: 1 | 4, { images, affine, scale, result }: Warp): Launch {
  const [, H = 0, W = 0] = images.shape;
  const [, parts = 0] = affine.shape;
  const count = (result.rows * result.channels) / width;
  const params = { count, channels: result.channels, parts, height: H, width: W, scale };
  return { dispatches: [{ shader, params, workgroups: grid(count, 64) }] };
}
