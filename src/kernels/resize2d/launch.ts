import { type Arg, grid, type Launch } from '../../autograd/kernel.js';
import type { Shader } from '../../gpu/shader.js';
import type { Attrs } from './resize2d.js';

/**
 * Launches one invocation for every `lanes` channels of `result`. `x` and `y` are the image and the resized image, or their
 * gradients.
 */
export function resizeLaunch(shader: Shader, attrs: Attrs, x: Arg, y: Arg, result: Arg, lanes: number): Launch {
  const [, height = 0, width = 0] = x.shape;
  const [, out_height = 0, out_width = 0] = y.shape;
  const [step_h, step_w] = attrs.step;
  const rate = (step: number) => (step > 0 ? 1 / step : 0);
  const count = (result.rows * result.channels) / lanes;
  const params = {
    ...{ count, channels: result.channels, height, width, out_height, out_width, step_h, step_w },
    ...{
      bilinear: attrs.mode === 'bilinear' ? 1 : 0,
      shift: attrs.mode === 'bilinear' && !attrs.alignCorners ? 0.5 : 0,
    },
    ...{ rate_h: rate(step_h), rate_w: rate(step_w) },
  };
  return { dispatches: [{ shader, params, workgroups: grid(count, 64) }] };
}
