import { type Arg, grid, type Launch } from '../../autograd/kernel.js';
import type { Shader } from '../../gpu/shader.js';
import type { Attrs } from './maxPool2d.js';

/** One invocation for every `width` channels of `result`; `x` and `y` are the image and the pooled image, or its gradient. */
export function poolLaunch(shader: Shader, attrs: Attrs, x: Arg, y: Arg, result: Arg, width: number): Launch {
  const { kernel, stride, pad } = attrs;
  const [, height = 0, inWidth = 0] = x.shape;
  const [, outHeight = 0, outWidth = 0] = y.shape;
  const count = (result.rows * result.channels) / width;
  const params = {
    count,
    channels: result.channels,
    height,
    width: inWidth,
    out_height: outHeight,
    out_width: outWidth,
    kernel_h: kernel[0],
    kernel_w: kernel[1],
    stride_h: stride[0],
    stride_w: stride[1],
    top: pad[0],
    left: pad[1],
  };
  return { dispatches: [{ shader, params, workgroups: grid(count, 64) }] };
}
