export interface AdamState {
  w: Float64Array;
  m: Float64Array;
  v: Float64Array;
}

export interface AdamNumbers {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay?: number;
  /** Whether λw is subtracted from the weights directly (AdamW) instead of added to the gradient. */
  readonly decoupled?: boolean;
}

/**
 * Makes step t = 1, 2, … of Adam (Kingma & Ba 2015, algorithm 1) or AdamW (Loshchilov & Hutter 2019, algorithm 2), in
 * place.
 */
export function adamStep({ w, m, v }: AdamState, g: ArrayLike<number>, t: number, numbers: AdamNumbers): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay = 0, decoupled = false } = numbers;
  for (const [i, weight] of w.entries()) {
    const gi = (g[i] ?? Number.NaN) + (decoupled ? 0 : weightDecay * weight);
    const mi = beta1 * (m[i] ?? Number.NaN) + (1 - beta1) * gi;
    const vi = beta2 * (v[i] ?? Number.NaN) + (1 - beta2) * gi * gi;
    m[i] = mi;
    v[i] = vi;
    const kept = decoupled ? weight - learningRate * weightDecay * weight : weight;
    w[i] = kept - (learningRate * (mi / (1 - beta1 ** t))) / (Math.sqrt(vi / (1 - beta2 ** t)) + epsilon);
  }
}
