import { add4, at4, dims4, type Nd, nd } from '../../kernels/oracle.js';

export interface Shift {
  rows: number;
  cols: number;
  outside: number;
}

function forEach(x: Nd, visit: (n: number, i: number, j: number, c: number) => void): void {
  const [N, H, W, C] = dims4(x);
  for (let n = 0; n < N; n++)
    for (let i = 0; i < H; i++) for (let j = 0; j < W; j++) for (let c = 0; c < C; c++) visit(n, i, j, c);
}

/** y[n, i, j, c] = x[n, i + rows, j + cols, c], or `outside` beyond the image. */
export function shift(x: Nd, { rows, cols, outside }: Shift): Nd {
  const y = nd(x.shape);
  const [, H, W] = dims4(x);
  forEach(x, (n, i, j, c) => {
    const [k, l] = [i + rows, j + cols];
    const inside = k >= 0 && l >= 0 && k < H && l < W;
    add4(y, n, i, j, c, inside ? at4(x, n, k, l, c) : outside);
  });
  return y;
}

/** gx(p) = gy(p − s), or 0 where p − s is outside. */
export function shiftBackward({ rows, cols }: Shift, gy: Nd): Nd {
  const gx = nd(gy.shape);
  forEach(gy, (n, i, j, c) => add4(gx, n, i + rows, j + cols, c, at4(gy, n, i, j, c)));
  return gx;
}
