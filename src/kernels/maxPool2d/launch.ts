import { type Arg, grid, type Launch } from '../../autograd/kernel.js';
import type { Shader } from '../../gpu/shader.js';
import type { PoolAttrs } from './pooling.js';

/** Returns the numbers of every pooling kernel. `x` and `y` are the image and the pooled image, or their gradients. */
export function poolParams({ kernel, stride, pad }: PoolAttrs, x: Arg, y: Arg) {
  const [, height = 0, width = 0, channels = 0] = x.shape;
  const [, out_height = 0, out_width = 0] = y.shape;
  return {
    ...{ channels, height, width, out_height, out_width },
    ...{
      kernel_h: kernel[0],
      kernel_w: kernel[1],
      stride_h: stride[0],
      stride_w: stride[1],
      top: pad[0],
      left: pad[1],
    },
  };
}

/** Launches one invocation for every `width` channels of `result`. */
export function poolLaunch(shader: Shader, attrs: PoolAttrs, x: Arg, y: Arg, result: Arg, width: number): Launch {
  const count = (result.rows * result.channels) / width;
  return { dispatches: [{ shader, params: { ...poolParams(attrs, x, y), count }, workgroups: grid(count, 64) }] };
}
