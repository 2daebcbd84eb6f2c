import { type Nd, nd } from './oracle.js';

/** Reorders dimensions: dimension i of the result is dimension `axes[i]` of `x`. */
export function permute(x: Nd, axes: readonly number[]): Nd {
  const strides = x.shape.map((_, i) => x.shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const shape = axes.map((a) => x.shape[a] as number);
  return nd(shape, (index) => {
    let rest = index;
    let at = 0;
    for (let i = shape.length - 1; i >= 0; i--) {
      const d = shape[i] as number;
      at += (rest % d) * (strides[axes[i] as number] as number);
      rest = Math.floor(rest / d);
    }
    return x.data[at] as number;
  });
}

/** PyTorch and ONNX images to device layout. */
export const nchwToNhwc = (x: Nd): Nd => permute(x, [0, 2, 3, 1]);
/** Device images to PyTorch layout. */
export const nhwcToNchw = (x: Nd): Nd => permute(x, [0, 3, 1, 2]);
/** Convolution weights OIHW to device layout [kernel height, kernel width, in, out]. */
export const oihwToHwio = (w: Nd): Nd => permute(w, [2, 3, 1, 0]);
/** Transposed convolution weights IOHW to device layout [kernel height, kernel width, out, in]. */
export const iohwToHwoi = (w: Nd): Nd => permute(w, [2, 3, 1, 0]);
/** Device convolution weights back to OIHW (or, transposed, IOHW). */
export const hwioToOihw = (w: Nd): Nd => permute(w, [3, 2, 0, 1]);
