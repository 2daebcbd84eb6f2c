import { describe, expect, test } from 'vitest';
import { inceptionScore } from '../src/metrics/inception-score.js';
import { formulaInput } from '../src/verify/formula.js';

/** The soft-max of 8u, [23, 17]. */
function probabilities(): Float32Array {
  const u = formulaInput(3, 23 * 17, 8);
  return Float32Array.from({ length: u.length }, (_, k) => {
    const row = u.subarray(k - (k % 17), k - (k % 17) + 17);
    return Math.exp(u[k] as number) / row.reduce((sum, v) => sum + Math.exp(v), 0);
  });
}

/** Rows that are sure of one class each. */
const sure = (...classes: number[]) =>
  Float32Array.from({ length: 4 * classes.length }, (_, k) => (classes[Math.floor(k / 4)] === k % 4 ? 1 : 0));

describe('the Inception Score', () => {
  // By numpy in float64.
  test.each<[number, number, number, number | undefined]>([
    [10, 1.8465926166952151, 0.3617381443049741, 0.12057938143499133],
    [5, 2.9201633892851255, 0.22197875030327063, 0.1109893751516353],
    [1, 4.520090082450834, 0.0, undefined],
    [23, 1.0, 0.0, 0.0],
  ])('of %i splits is what numpy finds', (splits, mean, deviation, standardError) => {
    const score = inceptionScore(probabilities(), 17, splits);
    expect(score).toMatchObject({ splits, images: 23 });
    expect(score.mean).toBeCloseTo(mean, 5);
    expect(score.deviation).toBeCloseTo(deviation, 5);
    if (standardError === undefined) expect(score.standardError).toBeUndefined();
    else expect(score.standardError).toBeCloseTo(standardError, 5);
  });

  test('has ten splits by default', () => {
    expect(inceptionScore(probabilities(), 17)).toEqual(inceptionScore(probabilities(), 17, 10));
  });

  test('is 1 for images that are all alike, and the number of classes if each has its own', () => {
    expect(inceptionScore(sure(2, 2, 2), 4, 1).mean).toBe(1);
    expect(inceptionScore(new Float32Array(12).fill(0.25), 4, 1).mean).toBeCloseTo(1, 14);
    expect(inceptionScore(sure(0, 1, 2, 3), 4, 1).mean).toBeCloseTo(4, 14);
    // Splits of unequal size: [0, 1] and [2, 3, 3].
    const { mean, deviation, standardError } = inceptionScore(sure(0, 1, 2, 3, 3), 4, 2);
    const second = Math.exp(Math.log(3) / 3 + (2 / 3) * Math.log(3 / 2));
    expect(mean).toBeCloseTo((2 + second) / 2, 14);
    expect(deviation).toBeCloseTo((2 - second) / 2, 14);
    expect(standardError).toBeCloseTo((2 - second) / 2, 14);
  });

  test('of fewer images than splits, or of rows that are no distributions, is an error', () => {
    expect(() => inceptionScore(sure(0, 1, 2), 4, 4)).toThrow(
      'the Inception Score of 4 splits needs at least 4 images, there are 3. Use more images or fewer splits.',
    );
    expect(() => inceptionScore(new Float32Array(0), 4)).toThrow(/needs at least 10 images, there are 0/);
    expect(() => inceptionScore(new Float32Array(7), 4, 1)).toThrow(/7 probabilities are no rows of 4 classes/);
    expect(() => inceptionScore(Float32Array.of(0.5, 0.4, 0.5, 0.5), 2, 1)).toThrow(
      /image 0 has probabilities that sum/,
    );
    expect(() => inceptionScore(Float32Array.of(1, 0, 1.5, -0.5), 2, 1)).toThrow(/image 1 has the probability -0\.5/);
    expect(() => inceptionScore(Float32Array.of(1, Number.NaN), 2, 1)).toThrow(/image 0 has the probability NaN/);
  });
});
