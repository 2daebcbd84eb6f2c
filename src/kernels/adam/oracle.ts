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
  for (let i = 0; i < w.length; i++) {
    const gi = g[i] as number;
    m[i] = beta1 * (m[i] as number) + (1 - beta1) * gi;
    v[i] = beta2 * (v[i] as number) + (1 - beta2) * gi * gi;
    const first = (m[i] as number) / (1 - beta1 ** t);
    const second = (v[i] as number) / (1 - beta2 ** t);
    w[i] = (w[i] as number) - (lr * first) / (Math.sqrt(second) + eps);
  }
}
