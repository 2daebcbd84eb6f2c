import { stream } from '../data/random.js';
import { MEAN_BGR, VGG_LAYERS } from './vgg.js';

/** The features that a loss compares: VGG-19's, those of the built-in filter bank, or none if the loss needs none. */
export type Features = 'vgg19' | 'filter bank' | 'none';

/** Weights and biases of feature layers in device layout by name: `conv1_1.weight`, `conv1_1.bias`, … */
export type FeatureWeights = ReadonlyMap<string, Float32Array>;

/**
 * The mean of VGG-19’s conv1_2 (Caffe weights) on `referenceImage`, which is similar on photographs. The weight λ = 0.01
 * of the nearest-neighbour loss was chosen for features of this size (spec §6), so other features are scaled to it.
 */
export const REFERENCE_ACTIVATION = 86;

/** A zero-padded 3×3 convolution and ReLU in plain loops. x is [h, w, from], and the result is [h, w, to]. */
function layer(x: Float32Array, h: number, w: number, weight: Float32Array, bias: Float32Array): Float32Array {
  const from = x.length / (h * w);
  const to = bias.length;
  const y = new Float32Array(h * w * to);
  const sum = new Float64Array(to);
  for (let r = 0; r < h; r++)
    for (let c = 0; c < w; c++) {
      sum.set(bias);
      for (let tap = 0; tap < 9; tap++) {
        const [i, j] = [r + Math.floor(tap / 3) - 1, c + (tap % 3) - 1];
        if (i < 0 || j < 0 || i >= h || j >= w) continue;
        for (let k = 0; k < from; k++) {
          const v = x[(i * w + j) * from + k] as number;
          if (v === 0) continue;
          const at = (tap * from + k) * to;
          for (let o = 0; o < to; o++) sum[o] = (sum[o] as number) + v * (weight[at + o] as number);
        }
      }
      for (let o = 0; o < to; o++) y[(r * w + c) * to + o] = Math.max(0, sum[o] as number);
    }
  return y;
}

/**
 * conv1_2 after its ReLU, [h, w, 64], of an 8-bit RGB image [h, w, 3], computed on the CPU for checks of a few thousand
 * pixels. `Vgg.conv1_2` gives the same numbers for v/127.5 − 1.
 */
export function conv1_2(weights: FeatureWeights, rgb: ArrayLike<number>, h: number, w: number): Float32Array {
  const bgr = new Float32Array(h * w * 3);
  for (let p = 0; p < h * w; p++)
    for (let c = 0; c < 3; c++) bgr[3 * p + c] = (rgb[3 * p + 2 - c] as number) - (MEAN_BGR[c] as number);
  const get = (name: string) => weights.get(name) as Float32Array;
  const first = layer(bgr, h, w, get('conv1_1.weight'), get('conv1_1.bias'));
  return layer(first, h, w, get('conv1_2.weight'), get('conv1_2.bias'));
}

/**
 * A fixed 32×32 RGB picture with the statistics of photographs: discs of all sizes that hide each other ("dead leaves",
 * Lee, Mumford & Huang 2001), which have edges and a 1/f spectrum as photographs have.
 */
export function referenceImage(): { readonly size: number; readonly rgb: Float32Array } {
  const size = 32;
  const rgb = new Float32Array(size * size * 3);
  const random = stream(19);
  for (let disc = 0; disc < 400; disc++) {
    // Radii have the density r⁻³ between 2 and 32 pixels.
    const radius = 1 / Math.sqrt(random.uniform(1 / 32 ** 2, 1 / 2 ** 2));
    const [x, y] = [random.uniform(-8, size + 8), random.uniform(-8, size + 8)];
    const grey = random.uniform(40, 190);
    const colour = [0, 1, 2].map(() => Math.min(255, Math.max(0, grey + random.normal(0, 12))));
    for (let p = 0; p < size * size; p++)
      if (((p % size) - x) ** 2 + (Math.floor(p / size) - y) ** 2 < radius ** 2) rgb.set(colour, 3 * p);
  }
  return { size, rgb };
}

/** The mean of conv1_2 on the reference image. */
export function meanActivation(weights: FeatureWeights): number {
  const { size, rgb } = referenceImage();
  const features = conv1_2(weights, rgb, size, size);
  return features.reduce((a, b) => a + b, 0) / features.length;
}

/**
 * Weights that give the features multiplied by `gain`. This is exact: ReLU and max-pool commute with a positive factor,
 * so it suffices to multiply the first weights and every bias.
 */
export function scaleFeatures(weights: FeatureWeights, gain: number): Map<string, Float32Array> {
  const scaled = [...weights].map(([name, values]): [string, Float32Array] => {
    const grows = name === 'conv1_1.weight' || name.endsWith('.bias');
    return [name, grows ? values.map((v) => v * gain) : values];
  });
  return new Map(scaled);
}

/** The shapes of the layers in PyTorch: [out, in, 3, 3] and [out]. */
export const FEATURE_SHAPES: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries(VGG_LAYERS).flatMap(([name, [h, w, from, to]]): [string, number[]][] => [
    [`${name}.weight`, [to, from, h, w]],
    [`${name}.bias`, [to]],
  ]),
);
