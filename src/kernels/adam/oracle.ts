export interface AdamState {
  w: Float64Array;
  m: Float64Array;
  v: Float64Array;
}

/** Step t = 1, 2, … of Adam (Kingma & Ba 2015, algorithm 1), in place. */
export function adamStep(
  { w, m, v }: AdamState,
  g: ArrayLike<number>,
  t: number,
  { lr, beta1, beta2, eps }: { lr: number; beta1: number; beta2: number; eps: number },
): void {
  for (const [i, weight] of w.entries()) {
    const gi = g[i] ?? Number.NaN;
    const mi = beta1 * (m[i] ?? Number.NaN) + (1 - beta1) * gi;
    const vi = beta2 * (v[i] ?? Number.NaN) + (1 - beta2) * gi * gi;
    m[i] = mi;
    v[i] = vi;
    w[i] = weight - (lr * (mi / (1 - beta1 ** t))) / (Math.sqrt(vi / (1 - beta2 ** t)) + eps);
  }
}
