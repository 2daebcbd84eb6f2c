import type { Shape } from '../autograd/tensor.js';
import { ssd300 } from '../evaluation/ssd.js';
import { type DetectionOptions, ssdDetections } from '../evaluation/ssd-detections.js';
import type { Comparison, FixtureReader } from '../kernels/room.js';
import { checkActivations } from './activations.js';

/** The largest accepted difference of scores and of coordinates in [0, 1], which files store as 32-bit floats. */
const ROUNDING = 2 ** -22;

/**
 * Runs SSD300 with weights by formula. A file for a narrower network, of which all channels are divided by one number, says so by the
 * shape of `conv4_3`, which has 512 channels in SSD300.
 */
export const ssd: FixtureReader = (file) => {
  const { activations } = file.attrs as {
    activations: Readonly<Record<string, { readonly shape: Shape } | undefined>>;
  };
  const width = (activations.conv4_3?.shape[1] ?? 512) / 512;
  return checkActivations(file, (weights, image) => ({ ...ssd300(weights, image, width) }));
};

/** Compares the detections of `loc` and `conf` of one image with those in the file, row by row. */
export const detections: FixtureReader = (file) => ({
  check: async () => {
    const values = (name: string) => Float32Array.from(file.tensor(name).data);
    const { threshold, overlap, keep } = file.attrs as DetectionOptions;
    const found = ssdDetections(values('loc'), values('conf'), { threshold, overlap, keep });
    const want = file.tensor('detections').data;
    const column = (from: number, to: number) => want.filter((_, i) => i % 6 >= from && i % 6 < to);
    const labels = column(0, 1);
    const others = found.filter(({ label }, i) => label !== labels[i]).length + Math.abs(labels.length - found.length);
    const results: Record<string, Comparison> = {
      'rows of another class': { error: others, limit: 0.5 },
      scores: { got: found.map(({ score }) => score), want: column(1, 2), tolerance: ROUNDING },
      boxes: { got: found.flatMap(({ box }) => box), want: column(2, 6), tolerance: ROUNDING },
    };
    return results;
  },
});
