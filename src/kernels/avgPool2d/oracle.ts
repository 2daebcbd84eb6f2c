import { pooledShape, type Window } from '../maxPool2d/oracle.js';
import { add4, at4, dims4, type Nd, nd } from '../oracle.js';

export { pooledShape };

export interface AverageWindow extends Window {
  readonly countIncludePad: boolean;
}

/** Calls `visit` for every pixel (a, b) of the image that is in the window (i, j), with the size of the window. */
function pixels(
  image: Nd,
  [, Ho, Wo]: readonly [number, number, number, number],
  { kernel, stride, pad, countIncludePad }: AverageWindow,
  visit: (i: number, j: number, a: number, b: number, size: number) => void,
): void {
  const [, H, W] = dims4(image);
  const inImage = (a: number, b: number) => a >= 0 && b >= 0 && a < H && b < W;
  const inPadding = (a: number, b: number) => a >= -pad[0] && b >= -pad[1] && a < H + pad[2] && b < W + pad[3];
  for (let i = 0; i < Ho; i++)
    for (let j = 0; j < Wo; j++) {
      const window = Array.from({ length: kernel[0] * kernel[1] }, (_, k) => [
        i * stride[0] - pad[0] + Math.floor(k / kernel[1]),
        j * stride[1] - pad[1] + (k % kernel[1]),
      ]);
      const size = window.filter(([a = 0, b = 0]) => (countIncludePad ? inPadding(a, b) : inImage(a, b))).length;
      for (const [a = 0, b = 0] of window) if (inImage(a, b)) visit(i, j, a, b, size);
    }
}

/** y[n, i, j, c] = Σ x[n, a, b, c] / size over the window (i, j). */
export function avgPool2d(x: Nd, window: AverageWindow): Nd {
  const [N, , , C] = dims4(x);
  const y = nd(pooledShape(x, window));
  pixels(x, dims4(y), window, (i, j, a, b, size) => {
    for (let n = 0; n < N; n++) for (let c = 0; c < C; c++) add4(y, n, i, j, c, at4(x, n, a, b, c) / size);
  });
  return y;
}

/** gx[n, a, b, c] = Σ gy[n, i, j, c] / size over the windows that contain (a, b), for an image of shape `shape`. */
export function avgPool2dGradient(shape: readonly number[], window: AverageWindow, gy: Nd): Nd {
  const [N, , , C] = dims4(gy);
  const gx = nd(shape);
  pixels(gx, dims4(gy), window, (i, j, a, b, size) => {
    for (let n = 0; n < N; n++) for (let c = 0; c < C; c++) add4(gx, n, a, b, c, at4(gy, n, i, j, c) / size);
  });
  return gx;
}
