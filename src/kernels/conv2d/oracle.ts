import { add4, at4, type Nd, nd } from '../oracle.js';

export interface Window {
  readonly stride: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pad: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
}

const channelsOf = ({ shape }: Nd): number => shape[shape.length - 1] ?? 1;

/**
 * Calls `visit` for every image n, output pixel (i, j) and tap (u, v) of a convolution, with the input pixel (h, l) that
 * the tap reads.
 */
function windows(
  [N = 0, Ho = 0, Wo = 0]: readonly number[],
  [KH = 0, KW = 0]: readonly number[],
  { stride, pad, dilation }: Window,
  visit: (n: number, i: number, j: number, u: number, v: number, h: number, l: number) => void,
): void {
  for (let n = 0; n < N; n++)
    for (let i = 0; i < Ho; i++)
      for (let j = 0; j < Wo; j++)
        for (let u = 0; u < KH; u++)
          for (let v = 0; v < KW; v++) {
            const h = i * stride[0] + u * dilation[0] - pad[0];
            visit(n, i, j, u, v, h, j * stride[1] + v * dilation[1] - pad[1]);
          }
}

/**
 * Calls `visit` for every pair of an input channel c and an output channel o of one group. e counts the input channels of
 * a group, which is the third index of w [KH, KW, C / groups, O].
 */
function pairs(C: number, w: Nd, visit: (c: number, e: number, o: number) => void): void {
  const [, , each = 0, O = 0] = w.shape;
  const groups = C / each;
  for (let e = 0; e < each; e++) for (let o = 0; o < O; o++) visit(Math.floor((o * groups) / O) * each + e, e, o);
}

/** y[n, i, j, o] = Σ x[n, i·s + u·d − top, j·s + v·d − left, c] · w[u, v, c, o] + bias[o]. */
export function conv2d(x: Nd, w: Nd, bias: Nd | undefined, window: Window): Nd {
  const [N = 0, H = 0, W = 0, C = 0] = x.shape;
  const [KH = 0, KW = 0, , O = 0] = w.shape;
  const { stride, pad, dilation } = window;
  const Ho = Math.floor((H + pad[0] + pad[2] - dilation[0] * (KH - 1) - 1) / stride[0]) + 1;
  const Wo = Math.floor((W + pad[1] + pad[3] - dilation[1] * (KW - 1) - 1) / stride[1]) + 1;
  const y = nd([N, Ho, Wo, O], (k) => bias?.data[k % O] ?? 0);
  windows(y.shape, w.shape, window, (n, i, j, u, v, h, l) => {
    if (h < 0 || l < 0 || h >= H || l >= W) return;
    pairs(C, w, (c, e, o) => add4(y, n, i, j, o, at4(x, n, h, l, c) * at4(w, u, v, e, o)));
  });
  return y;
}

/** gb[o] = Σ gy[n, i, j, o]. */
export function biasGradient(gy: Nd): Nd {
  const C = channelsOf(gy);
  const gb = nd([C]);
  for (const [k, g] of gy.data.entries()) gb.data[k % C] = (gb.data[k % C] ?? 0) + g;
  return gb;
}

/** Applies the product rule to every multiply-add. */
export function conv2dBackward(x: Nd, w: Nd, gy: Nd, window: Window): { x: Nd; w: Nd; bias: Nd } {
  const [, H = 0, W = 0, C = 0] = x.shape;
  const gx = nd(x.shape);
  const gw = nd(w.shape);
  windows(gy.shape, w.shape, window, (n, i, j, u, v, h, l) => {
    if (h < 0 || l < 0 || h >= H || l >= W) return;
    pairs(C, w, (c, e, o) => {
      const g = at4(gy, n, i, j, o);
      add4(gx, n, h, l, c, g * at4(w, u, v, e, o));
      add4(gw, u, v, e, o, g * at4(x, n, h, l, c));
    });
  });
  return { x: gx, w: gw, bias: biasGradient(gy) };
}

/** gw[u, v, c, o] = Σ x[n, i·s + u·d − top, j·s + v·d − left, c] · gy[n, i, j, o]. */
export function weightGradient(x: Nd, gy: Nd, kernel: readonly [number, number], window: Window): Nd {
  const [C, O] = [channelsOf(x), channelsOf(gy)];
  const gw = nd([...kernel, C, O]);
  windows(gy.shape, kernel, window, (n, i, j, u, v, h, l) => {
    for (let c = 0; c < C; c++)
      for (let o = 0; o < O; o++) add4(gw, u, v, c, o, at4(x, n, h, l, c) * at4(gy, n, i, j, o));
  });
  return gw;
}

/** Returns the gradients of Σ ⟨gw, g⟩, where gw is linear in x and in gy. */
export function weightGradientBackward(x: Nd, gy: Nd, g: Nd, window: Window): { x: Nd; gy: Nd } {
  const [C, O] = [channelsOf(x), channelsOf(gy)];
  const gx = nd(x.shape);
  const ggy = nd(gy.shape);
  windows(gy.shape, g.shape, window, (n, i, j, u, v, h, l) => {
    for (let c = 0; c < C; c++)
      for (let o = 0; o < O; o++) {
        add4(gx, n, h, l, c, at4(g, u, v, c, o) * at4(gy, n, i, j, o));
        add4(ggy, n, i, j, o, at4(g, u, v, c, o) * at4(x, n, h, l, c));
      }
  });
  return { x: gx, gy: ggy };
}
