import type { Arg } from '../../autograd/kernel.js';
import { poolParams } from '../maxPool2d/launch.js';
import type { Attrs } from './avgPool2d.js';

/** Pixels that neighbouring invocations of the kernels of vec4 make, as in their shaders. */
export const STRIP = 4;

/** The numbers of the kernels: those of every pooling, and between which rows and columns the pixels of a window count. */
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
