import { type Nd, nd } from '../oracle.js';

/** y[n, i, j, c] = z[n, c]. */
export function tile(z: Nd, height: number, width: number): Nd {
  const [n, c] = z.shape as [number, number];
  const y = nd([n, height, width, c]);
  for (let b = 0; b < n; b++)
    for (let p = 0; p < height * width; p++)
      for (let k = 0; k < c; k++) y.data[(b * height * width + p) * c + k] = z.data[b * c + k] as number;
  return y;
}

/** gz[n, c] = Σ_ij gy[n, i, j, c]. */
export function tileGradient(gy: Nd): Nd {
  const [n, h, w, c] = gy.shape as [number, number, number, number];
  const gz = nd([n, c]);
  for (let b = 0; b < n; b++)
    for (let p = 0; p < h * w; p++)
      for (let k = 0; k < c; k++)
        gz.data[b * c + k] = (gz.data[b * c + k] as number) + (gy.data[(b * h * w + p) * c + k] as number);
  return gz;
}
