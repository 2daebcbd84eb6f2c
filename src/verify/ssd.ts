import { type DetectionOptions, ssdDetections } from '../evaluation/ssd-detections.js';
import type { Comparison, FixtureReader } from '../kernels/room.js';

/** The largest accepted difference of scores and of coordinates in [0, 1], which files store as 32-bit floats. */
const ROUNDING = 2 ** -22;

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
