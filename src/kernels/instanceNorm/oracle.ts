import { add, at, dims4, type Nd, nd } from '../oracle.js';

type Mode = 'channel' | 'sample';

/**
 * Returns the groups of an NHWC array that are normalised together: the indices of their elements, and the index of
 * their γ and β.
 */
function groups(x: Nd, mode: Mode): { parameter: number; elements: number[] }[] {
  const [N, H, W, C] = dims4(x);
  const found: { parameter: number; elements: number[] }[] = [];
  for (let n = 0; n < N; n++) {
    for (let g = 0; g < (mode === 'channel' ? C : 1); g++) {
      const elements: number[] = [];
      for (let p = 0; p < H * W; p++)
        for (let c = 0; c < C; c++) if (mode === 'sample' || c === g) elements.push((n * H * W + p) * C + c);
      found.push({ parameter: g, elements });
    }
  }
  return found;
}

function moments(x: Nd, elements: readonly number[]): { mean: number; variance: number } {
  const mean = elements.reduce((s, i) => s + at(x, i), 0) / elements.length;
  const variance = elements.reduce((s, i) => s + (at(x, i) - mean) ** 2, 0) / elements.length;
  return { mean, variance };
}

/** y = γ (x − μ) / √(σ² + ε) + β per channel, or γ (x − μ) / (σ + ε) + β per sample. */
export function instanceNorm(x: Nd, gamma: Nd, beta: Nd, mode: Mode, epsilon: number): Nd {
  const y = nd(x.shape);
  for (const { parameter, elements } of groups(x, mode)) {
    const { mean, variance } = moments(x, elements);
    const s = mode === 'channel' ? Math.sqrt(variance + epsilon) : Math.sqrt(variance) + epsilon;
    for (const i of elements) y.data[i] = (at(gamma, parameter) * (at(x, i) - mean)) / s + at(beta, parameter);
  }
  return y;
}

/**
 * Applies the chain rule through s and μ. With h = γ·gy, gs = −Σ h·(x − μ) / s², where ∂s/∂x_i is (x_i − μ) / (n·s) per
 * channel, and (x_i − μ) / (n·σ) per sample (0 when σ is 0). gμ = −Σ h / s, because Σ (x − μ) = 0, so s does not change
 * with μ.
 */
export function instanceNormGradient(x: Nd, gamma: Nd, mode: Mode, epsilon: number, gy: Nd) {
  const gx = nd(x.shape);
  const ggamma = nd(gamma.shape);
  const gbeta = nd(gamma.shape);
  for (const { parameter, elements } of groups(x, mode)) {
    const { mean, variance } = moments(x, elements);
    const sigma = Math.sqrt(variance);
    const s = mode === 'channel' ? Math.sqrt(variance + epsilon) : sigma + epsilon;
    const n = elements.length;
    let gs = 0;
    let gMean = 0;
    for (const i of elements) {
      const d = at(x, i) - mean;
      const g = at(gy, i);
      const h = at(gamma, parameter) * g;
      gs -= (h * d) / s ** 2;
      gMean -= h / s;
      add(ggamma, parameter, (g * d) / s);
      add(gbeta, parameter, g);
    }
    for (const i of elements) {
      const d = at(x, i) - mean;
      const ds = mode === 'channel' ? d / (n * s) : sigma > 0 ? d / (n * sigma) : 0;
      gx.data[i] = (at(gamma, parameter) * at(gy, i)) / s + gs * ds + gMean / n;
    }
  }
  return { x: gx, gamma: ggamma, beta: gbeta };
}
