import type { Arg } from '../../autograd/kernel.js';
import { poolParams } from '../maxPool2d/launch.js';
import type { Attrs } from './avgPool2d.js';

/** The number of neighbouring pixels that an invocation of the vec4 kernels computes, as in their shaders. */
export const STRIP = 4;

/**
 * Returns the numbers of the kernels: those of every pooling, and the rows and columns between which the pixels of a
 * window count.
 */
export function averageParams(attrs: Attrs, x: Arg, y: Arg) {
  const params = poolParams(attrs, x, y);
  const [top, left, bottom, right] = attrs.countIncludePad ? attrs.pad : [0, 0, 0, 0];
  const counted = {
    first_row: -top,
    first_column: -left,
    end_row: params.height + bottom,
    end_column: params.width + right,
  };
  return { ...params, ...counted };
}
