import { add, at, channelsOf, type Nd, nd } from '../oracle.js';

/** Calls `visit` with the elements of x, w and y that meet in every multiply-add of y = x·w. */
function products(x: Nd, w: Nd, visit: (x: number, w: number, y: number) => void): void {
  const [I, O] = [channelsOf(x), channelsOf(w)];
  for (let m = 0; m < x.data.length / I; m++)
    for (let i = 0; i < I; i++) for (let o = 0; o < O; o++) visit(m * I + i, i * O + o, m * O + o);
}

/** y[m, o] = Σ_i x[m, i] · w[i, o] + bias[o]. */
export function linear(x: Nd, w: Nd, bias?: Nd): Nd {
  const O = channelsOf(w);
  const y = nd([...x.shape.slice(0, -1), O], (k) => (bias ? at(bias, k % O) : 0));
  products(x, w, (i, j, k) => add(y, k, at(x, i) * at(w, j)));
  return y;
}

/** gx[m, i] = Σ_o gy[m, o] · w[i, o], gw[i, o] = Σ_m x[m, i] · gy[m, o], gb[o] = Σ_m gy[m, o]. */
export function linearBackward(x: Nd, w: Nd, gy: Nd): { x: Nd; w: Nd; bias: Nd } {
  const [gx, gw, gb] = [nd(x.shape), nd(w.shape), nd([channelsOf(w)])];
  products(x, w, (i, j, k) => {
    add(gx, i, at(gy, k) * at(w, j));
    add(gw, j, at(gy, k) * at(x, i));
  });
  for (const [k, g] of gy.data.entries()) add(gb, k % channelsOf(w), g);
  return { x: gx, w: gw, bias: gb };
}
