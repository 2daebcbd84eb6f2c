export interface SGDState {
  w: Float64Array;
  /** The velocity. */
  v: Float64Array;
}

export interface SGDNumbers {
  readonly learningRate: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
  readonly dampening?: number;
}

/** Makes step t = 1, 2, … of stochastic gradient descent as PyTorch defines it, in place. */
export function sgdStep({ w, v }: SGDState, g: ArrayLike<number>, t: number, numbers: SGDNumbers): void {
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0, dampening = 0 } = numbers;
  for (const [i, weight] of w.entries()) {
    const gi = (g[i] ?? Number.NaN) + weightDecay * weight;
    const vi = t === 1 ? gi : momentum * (v[i] ?? Number.NaN) + (1 - dampening) * gi;
    v[i] = vi;
    w[i] = weight - learningRate * (momentum === 0 ? gi : nesterov ? gi + momentum * vi : vi);
  }
}
