import { add, at, channelsOf, type Nd, nd } from '../oracle.js';

export interface Norm {
  readonly mean: Nd;
  readonly variance: Nd;
  readonly gamma?: Nd;
  readonly beta?: Nd;
}

/** y = (x − mean) · gamma / √(variance + epsilon) + beta, by channel. */
export function batchNorm(x: Nd, { mean, variance, gamma, beta }: Norm, epsilon: number): Nd {
  const C = channelsOf(x);
  return nd(x.shape, (i) => {
    const c = i % C;
    const normalised = (at(x, i) - at(mean, c)) / Math.sqrt(at(variance, c) + epsilon);
    return normalised * (gamma ? at(gamma, c) : 1) + (beta ? at(beta, c) : 0);
  });
}

/** The derivatives of that formula, element by element. */
export function batchNormBackward(x: Nd, { mean, variance, gamma }: Norm, epsilon: number, gy: Nd) {
  const C = channelsOf(x);
  const gx = nd(x.shape);
  const [gMean, gVariance, gGamma, gBeta] = [nd([C]), nd([C]), nd([C]), nd([C])];
  for (const [i, g] of gy.data.entries()) {
    const c = i % C;
    const deviation = Math.sqrt(at(variance, c) + epsilon);
    const normalised = (at(x, i) - at(mean, c)) / deviation;
    const scaled = g * (gamma ? at(gamma, c) : 1);
    add(gx, i, scaled / deviation);
    add(gMean, c, -scaled / deviation);
    add(gVariance, c, (-scaled * normalised) / (2 * deviation * deviation));
    add(gGamma, c, g * normalised);
    add(gBeta, c, g);
  }
  return { x: gx, mean: gMean, variance: gVariance, gamma: gGamma, beta: gBeta };
}
