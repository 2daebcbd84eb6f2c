import { at, type Nd, nd } from '../oracle.js';

export function heat(joints: Nd, height: number, width: number, sigma: number): Nd {
  const [N = 0, J = 0] = joints.shape;
  const y = nd([N, height, width, J]);
  for (let n = 0, k = 0; n < N; n++)
    for (let row = 0; row < height; row++)
      for (let col = 0; col < width; col++)
        for (let j = 0; j < J; j++, k++) {
          const [xj, yj] = [at(joints, 2 * (n * J + j)), at(joints, 2 * (n * J + j) + 1)];
          if ((xj >= 0 && yj >= 0) || Number.isNaN(xj + yj))
            y.data[k] = Math.exp(-((col - xj) ** 2 + (row - yj) ** 2) / (2 * sigma ** 2));
        }
  return y;
}
