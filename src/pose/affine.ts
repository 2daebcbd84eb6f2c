/** A point: column x, row y, in pixels of the full-resolution image; pixel centres are integers. */
export type Point = readonly [x: number, y: number];

/** (a b c d e f): x' = a·x + b·y + c, y' = d·x + e·y + f. */
export type Affine = readonly [number, number, number, number, number, number];

/** Maps every pixel to a point outside every image, so that samples are 0. Parts without a source have this map. */
export const NOWHERE: Affine = [0, 0, -1e6, 0, 0, -1e6];

function mean(points: readonly Point[]): Point {
  const n = points.length;
  return [points.reduce((s, p) => s + p[0], 0) / n, points.reduce((s, p) => s + p[1], 0) / n];
}

/** Second moments of the points about their mean. */
function scatter(points: readonly Point[]): { centre: Point; xx: number; xy: number; yy: number } {
  const centre = mean(points);
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const [x, y] of points) {
    xx += (x - centre[0]) ** 2;
    xy += (x - centre[0]) * (y - centre[1]);
    yy += (y - centre[1]) ** 2;
  }
  return { centre, xx, xy, yy };
}

/** The affine map that takes `from` closest to `to` by ordinary least squares, or a similarity if `from` lies on a line. */
export function fitAffine(from: readonly Point[], to: readonly Point[]): Affine {
  const { centre: c, xx, xy, yy } = scatter(from);
  const t = mean(to);
  const det = xx * yy - xy * xy;
  if (det <= 1e-9 * (xx + yy) ** 2) return fitSimilarity(from, to);
  const row = (k: 0 | 1): [number, number, number] => {
    let sx = 0;
    let sy = 0;
    for (const [i, p] of from.entries()) {
      const v = (to[i] as Point)[k] - t[k];
      sx += (p[0] - c[0]) * v;
      sy += (p[1] - c[1]) * v;
    }
    const a = (sx * yy - sy * xy) / det;
    const b = (sy * xx - sx * xy) / det;
    return [a, b, t[k] - a * c[0] - b * c[1]];
  };
  return [...row(0), ...row(1)];
}

/**
 * The similarity (rotation, uniform scale and shift) that takes `from` closest to `to` by least squares: x' = p·x − q·y + c,
 * y' = q·x + p·y + f. It is `NOWHERE` if `from` is one point.
 */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): Affine {
  const { centre: c, xx, yy } = scatter(from);
  const t = mean(to);
  let p = 0;
  let q = 0;
  for (const [i, [x, y]] of from.entries()) {
    const [u, v] = to[i] as Point;
    p += (x - c[0]) * (u - t[0]) + (y - c[1]) * (v - t[1]);
    q += (x - c[0]) * (v - t[1]) - (y - c[1]) * (u - t[0]);
  }
  const norm = xx + yy;
  if (norm === 0) return NOWHERE;
  p /= norm;
  q /= norm;
  return [p, -q, t[0] - p * c[0] + q * c[1], q, p, t[1] - q * c[0] - p * c[1]];
}

/** The ratio of the smaller to the larger singular value of the centred points: 0 for a line, 1 for a disc. */
export function spread(points: readonly Point[]): number {
  const { xx, xy, yy } = scatter(points);
  const half = (xx + yy) / 2;
  const root = Math.hypot((xx - yy) / 2, xy);
  return half + root === 0 ? 0 : Math.sqrt(Math.max(0, half - root) / (half + root));
}

/** The same map between grids `s` times coarser, whose pixel i is at s·i + (s − 1)/2 of the image. */
export function onGrid([a, b, c, d, e, f]: Affine, s: number): Affine {
  const h = (s - 1) / 2;
  return [a, b, (c + h * (a + b - 1)) / s, d, e, (f + h * (d + e - 1)) / s];
}
