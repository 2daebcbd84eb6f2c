import { describe, expect, test } from 'vitest';
import { FeatureStatistics, frechetDistance } from '../src/metrics/frechet.js';
import { choleskyRows, matrix, rowProducts, transpose } from '../src/metrics/matrix.js';
import { nuclearNorm } from '../src/metrics/singular-values.js';
import { formulaInput } from '../src/verify/formula.js';

/** Features [n, 24] by formula, of which neighbours are correlated. `decay` makes later ones smaller, and `dead` ones are 0. */
function features(n: number, seed: number, decay = 0, dead: readonly number[] = []): Float32Array {
  const d = 24;
  const u = formulaInput(seed, n * d, 1);
  const plain = (i: number, j: number) =>
    (u[i * d + j] as number) * Math.exp(-decay * j) + (j % 5) / 7 + (j % 3 === 0 ? (0.3 * seed) / 10 : 0);
  const mixed = (i: number, j: number) => plain(i, j) + (j ? 0.5 * plain(i, j - 1) : 0);
  return Float32Array.from({ length: n * d }, (_, k) => (dead.includes(k % d) ? 0 : mixed(Math.floor(k / d), k % d)));
}

/** The statistics of features that are added `step` images at a time. */
function statistics(x: Float32Array, step = 1000, length = 24): FeatureStatistics {
  const s = new FeatureStatistics(length);
  for (let i = 0; i < x.length; i += step * length) s.add(x.subarray(i, i + step * length));
  return s;
}

describe('the Fréchet distance', () => {
  // By numpy in float64, from the singular values of the product of all deviations.
  test.each<[number, number, number, number[], number]>([
    [10, 15, 0.0, [], 9.377195704231974],
    [100, 60, 0.0, [], 1.5639552950746847],
    [10, 60, 0.0, [], 7.9450917465221895],
    [100, 60, 0.5, [], 0.03162708528878744],
    [100, 90, 0.1, [3, 7], 0.12128680748410625],
    [49, 73, 0.0, [], 1.9789416545176124],
    [25, 24, 0.0, [], 4.829073517085041],
  ])('of %i and %i images, decay %f, dead features %j', (n1, n2, decay, dead, want) => {
    const [a, b] = [statistics(features(n1, 1, decay, dead)), statistics(features(n2, 2, decay, dead))];
    expect(Math.abs(frechetDistance(a, b) - want)).toBeLessThan(1e-10 * want);
    expect(Math.abs(frechetDistance(b, a) - want)).toBeLessThan(1e-10 * want);
  });

  test.each([10, 24, 25, 70])('of a set of %i images to itself is 0', (n) => {
    const s = statistics(features(n, 1));
    expect(frechetDistance(s, s)).toBeGreaterThanOrEqual(0);
    expect(frechetDistance(s, s)).toBeLessThan(1e-12);
  });

  test.each([10, 70])('to a set that is moved or stretched (%i images)', (n) => {
    // Multiples of 1/64 stay exact when they are moved by 2 or multiplied by 3.
    const x = features(n, 1).map((v) => Math.round(64 * v) / 64);
    const [s, moved, stretched] = [x, x.map((v) => v + 2), x.map((v) => 3 * v)].map((v) => statistics(v)) as [
      FeatureStatistics,
      FeatureStatistics,
      FeatureStatistics,
    ];
    expect(frechetDistance(s, moved)).toBeCloseTo(24 * 2 ** 2, 10);
    // |3m − m|² + (1 + 9 − 2·3) Tr S
    const m = s.mean().reduce((sum, v) => sum + v * v, 0);
    expect(frechetDistance(s, stretched)).toBeCloseTo(4 * m + 4 * s.factored().trace, 10);
  });

  test('has the same bits however the images are divided among calls', () => {
    const [x, y] = [features(61, 1), features(90, 2)];
    const want = frechetDistance(statistics(x), statistics(y));
    for (const step of [1, 7, 24, 25]) expect(frechetDistance(statistics(x, step), statistics(y, step))).toBe(want);
  });

  test('tells how much is done', () => {
    const seen: [number, number][] = [];
    frechetDistance(statistics(features(9, 1)), statistics(features(30, 2)), (...at) => seen.push(at));
    expect(seen.at(-1)).toEqual([9, 9]);
    expect(seen.length).toBeGreaterThan(5);
  });

  test('of one image is an error, and so are other features', () => {
    const [one, two] = [statistics(features(1, 1)), statistics(features(2, 1))];
    expect(() => frechetDistance(two, one)).toThrow(/at least two images of each set, and one has 1/);
    expect(() => frechetDistance(new FeatureStatistics(24), two)).toThrow(/one has 0/);
    expect(() => frechetDistance(two, statistics(Float32Array.of(1, 2, 3, 4), 9, 2))).toThrow(/24 features.*other 2/);
    expect(() => one.covariance()).toThrow(/needs at least 2 images, there are 1/);
    expect(() => new FeatureStatistics(2).mean()).toThrow(/at least 1 image/);
    expect(() => two.add(new Float32Array(25))).toThrow(/25 features are no rows of 24/);
    const odd = features(2, 1);
    odd[24] = Number.NaN;
    expect(() => two.add(odd)).toThrow(/feature 0 of image 3 is NaN/);
    expect(two.count).toBe(2);
  });
});

test.each([5, 24, 61])('mean and covariance of %i images are those of all features at once', (n) => {
  const x = features(n, 3);
  const s = statistics(x, 10);
  const mean = Float64Array.from({ length: 24 }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += x[i * 24 + j] as number;
    return sum / n;
  });
  const covariance = s.covariance();
  for (let j = 0; j < 24; j++) {
    expect(s.mean()[j]).toBeCloseTo(mean[j] as number, 13);
    for (let k = 0; k < 24; k++) {
      let sum = 0;
      for (let i = 0; i < n; i++)
        sum += ((x[i * 24 + j] as number) - (mean[j] as number)) * ((x[i * 24 + k] as number) - (mean[k] as number));
      expect(covariance[j * 24 + k]).toBeCloseTo(sum / (n - 1), 13);
    }
  }
  expect(s.count).toBe(n);
});

describe('singular values', () => {
  const byFormula = (rows: number, columns: number) => ({
    rows,
    columns,
    data: Float64Array.from(formulaInput(4, rows * columns, 1)),
  });

  // By numpy in float64.
  test.each<[number, number, number]>([
    [7, 5, 5.930781749059332],
    [5, 7, 5.85904990542431],
    [1, 4, 1.1532229529202678],
    [9, 9, 12.063889772590342],
    [40, 33, 106.48093917189028],
  ])('of a matrix of %i×%i have the sum that numpy finds', (m, n, want) => {
    expect(nuclearNorm(byFormula(m, n))).toBeCloseTo(want, 12);
  });

  test('of matrices with known ones', () => {
    expect(nuclearNorm(matrix(6, 4))).toBe(0);
    expect(nuclearNorm(matrix(0, 4))).toBe(0);
    const diagonal = matrix(4, 4);
    for (const [i, v] of [3, -2, 0, 1e-9].entries()) diagonal.data[5 * i] = v;
    expect(nuclearNorm(diagonal)).toBeCloseTo(5 + 1e-9, 14);
    // Rank one: |x| |y|.
    const outer = {
      rows: 5,
      columns: 3,
      data: Float64Array.from({ length: 15 }, (_, k) => (k % 3) * Math.floor(k / 3)),
    };
    expect(nuclearNorm(outer)).toBeCloseTo(Math.sqrt(5 * 30), 13);
    // Hilbert's matrix of 12 rows, whose singular values fall to 1e-17. The sum is its trace.
    const hilbert = {
      rows: 12,
      columns: 12,
      data: Float64Array.from({ length: 144 }, (_, k) => 1 / (Math.floor(k / 12) + (k % 12) + 1)),
    };
    expect(nuclearNorm(hilbert)).toBeCloseTo(
      Array.from({ length: 12 }, (_, i) => 1 / (2 * i + 1)).reduce((a, b) => a + b, 0),
      13,
    );
  });

  test('of a matrix with NaN are NaN, and do not take for ever', () => {
    const a = byFormula(6, 6);
    a.data[8] = Number.NaN;
    expect(nuclearNorm(a)).toBeNaN();
  });
});

test('Cholesky’s rows give the matrix back, and as many as its rank', () => {
  // 9 rows of rank 4.
  const x = { rows: 9, columns: 4, data: Float64Array.from(formulaInput(6, 36, 1)) };
  const s = rowProducts(x, x, true);
  const rows = choleskyRows(s);
  expect(rows.rows).toBe(4);
  const columns = transpose(rows);
  const back = rowProducts(columns, columns);
  for (const [i, v] of s.data.entries()) expect(back.data[i]).toBeCloseTo(v, 13);
  expect(choleskyRows(matrix(3, 3)).rows).toBe(0);
});
