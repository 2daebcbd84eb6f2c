import { at, type Nd, nd } from './oracle.js';

/** Reorders dimensions: dimension i of the result is dimension `axes[i]` of `x`. */
export function permute(x: Nd, axes: readonly number[]): Nd {
  const from = x.shape.map((size, i) => ({ size, stride: x.shape.slice(i + 1).reduce((a, b) => a * b, 1) }));
  const dimensions = axes.map((axis) => from[axis] ?? { size: 0, stride: 0 });
  const innermostFirst = [...dimensions].reverse();
  return nd(
    dimensions.map(({ size }) => size),
    (index) => {
      let rest = index;
      let element = 0;
      for (const { size, stride } of innermostFirst) {
        element += (rest % size) * stride;
        rest = Math.floor(rest / size);
      }
      return at(x, element);
    },
  );
}

/** Converts images from the layout of PyTorch and ONNX to that of the device. */
export const nchwToNhwc = (x: Nd): Nd => permute(x, [0, 2, 3, 1]);
/** Converts images from the layout of the device to that of PyTorch. */
export const nhwcToNchw = (x: Nd): Nd => permute(x, [0, 3, 1, 2]);
/** Converts convolution weights OIHW to the device layout [kernel height, kernel width, in, out]. */
export const oihwToHwio = (w: Nd): Nd => permute(w, [2, 3, 1, 0]);
/** Converts transposed convolution weights IOHW to the device layout [kernel height, kernel width, out, in]. */
export const iohwToHwoi = (w: Nd): Nd => permute(w, [2, 3, 1, 0]);
/** Converts convolution weights from the device layout back to OIHW, and transposed ones to IOHW. */
export const hwioToOihw = (w: Nd): Nd => permute(w, [3, 2, 0, 1]);

/**
 * Does `hwioToOihw` for large 32-bit weights: [kernel height, kernel width, a, b] → [b, a, kernel height, kernel
 * width]. The inner loop runs over the taps, so that reads follow a few parallel rows and writes are contiguous.
 */
export function weightsToPyTorch(w: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const [taps, a, b] = tapsOf(shape);
  const out = new Float32Array(w.length);
  let to = 0;
  for (let j = 0; j < b; j++)
    for (let i = 0; i < a; i++) for (let t = 0; t < taps; t++) out[to++] = w[(t * a + i) * b + j] ?? Number.NaN;
  return out;
}

/** Inverts `weightsToPyTorch`. `shape` is that of the result, [kernel height, kernel width, a, b]. */
export function weightsFromPyTorch(w: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const [taps, a, b] = tapsOf(shape);
  const out = new Float32Array(w.length);
  let from = 0;
  for (let j = 0; j < b; j++)
    for (let i = 0; i < a; i++) for (let t = 0; t < taps; t++) out[(t * a + i) * b + j] = w[from++] ?? Number.NaN;
  return out;
}

function tapsOf(shape: readonly number[]): [number, number, number] {
  const [h = 0, w = 0, a = 0, b = 0] = shape;
  return [h * w, a, b];
}
