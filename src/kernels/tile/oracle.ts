import { add, at, dims4, type Nd, nd } from '../oracle.js';

/** y[n, i, j, c] = z[n, c]. */
export function tile(z: Nd, height: number, width: number): Nd {
  const [n = 0, c = 0] = z.shape;
  const y = nd([n, height, width, c]);
  for (let b = 0; b < n; b++)
    for (let p = 0; p < height * width; p++)
      for (let k = 0; k < c; k++) add(y, (b * height * width + p) * c + k, at(z, b * c + k));
  return y;
}

/** gz[n, c] = Σ_ij gy[n, i, j, c]. */
export function tileGradient(gy: Nd): Nd {
  const [n, h, w, c] = dims4(gy);
  const gz = nd([n, c]);
  for (let b = 0; b < n; b++)
    for (let p = 0; p < h * w; p++) for (let k = 0; k < c; k++) add(gz, b * c + k, at(gy, (b * h * w + p) * c + k));
  return gz;
}
