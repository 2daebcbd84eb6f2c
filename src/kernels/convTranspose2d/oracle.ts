import { biasGradient } from '../conv2d/oracle.js';
import { add4, at4, type Nd, nd } from '../oracle.js';

export interface TransposedWindow {
  readonly stride: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pad: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly outputPad: readonly [number, number];
  readonly groups: number;
}

/**
 * Calls `visit` for every pixel (n, h, l) of x, tap (u, v) and pair of an input channel c and an output channel o of one
 * group, with the output pixel (i, j) to which their product is added. e counts the output channels of a group.
 */
function scatter(
  [N = 0, H = 0, W = 0, C = 0]: readonly number[],
  [KH = 0, KW = 0, O = 0]: readonly number[],
  { stride, pad, dilation, groups }: TransposedWindow,
  visit: (
    n: number,
    h: number,
    l: number,
    c: number,
    u: number,
    v: number,
    e: number,
    o: number,
    i: number,
    j: number,
  ) => void,
): void {
  for (let n = 0; n < N; n++)
    for (let h = 0; h < H; h++)
      for (let l = 0; l < W; l++)
        for (let u = 0; u < KH; u++)
          for (let v = 0; v < KW; v++) {
            const i = h * stride[0] + u * dilation[0] - pad[0];
            const j = l * stride[1] + v * dilation[1] - pad[1];
            for (let c = 0; c < C; c++)
              for (let e = 0; e < O; e++) visit(n, h, l, c, u, v, e, Math.floor((c * groups) / C) * O + e, i, j);
          }
}

/** y starts as the bias, and y[n, h·s + u·d − top, l·s + v·d − left, o] += x[n, h, l, c] · w[u, v, o, c]. */
export function convTranspose2d(x: Nd, w: Nd, bias: Nd | undefined, window: TransposedWindow): Nd {
  const [N = 0, H = 0, W = 0] = x.shape;
  const [KH = 0, KW = 0, O = 0] = w.shape;
  const { stride, pad, dilation, outputPad } = window;
  const Ho = (H - 1) * stride[0] - pad[0] - pad[2] + dilation[0] * (KH - 1) + 1 + outputPad[0];
  const Wo = (W - 1) * stride[1] - pad[1] - pad[3] + dilation[1] * (KW - 1) + 1 + outputPad[1];
  const channels = O * window.groups;
  const y = nd([N, Ho, Wo, channels], (k) => bias?.data[k % channels] ?? 0);
  scatter(x.shape, w.shape, window, (n, h, l, c, u, v, e, o, i, j) =>
    add4(y, n, i, j, o, at4(x, n, h, l, c) * at4(w, u, v, e, c)),
  );
  return y;
}

/** Applies the product rule to every multiply-add. */
export function convTranspose2dBackward(x: Nd, w: Nd, gy: Nd, window: TransposedWindow): { x: Nd; w: Nd; bias: Nd } {
  const gx = nd(x.shape);
  const gw = nd(w.shape);
  scatter(x.shape, w.shape, window, (n, h, l, c, u, v, e, o, i, j) => {
    const g = at4(gy, n, i, j, o);
    add4(gx, n, h, l, c, g * at4(w, u, v, e, c));
    add4(gw, u, v, e, c, g * at4(x, n, h, l, c));
  });
  return { x: gx, w: gw, bias: biasGradient(gy) };
}
