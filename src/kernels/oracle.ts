/** An array of the float64 oracles. An oracle computes an op in plain loops and imports nothing of the engine. */
export interface Nd {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function nd(shape: readonly number[], fill?: (index: number) => number): Nd {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  if (fill) for (let i = 0; i < data.length; i++) data[i] = fill(i);
  return { shape, data };
}

/** Returns element `i` in row-major order, or NaN beyond the end, so that an oracle that reads there fails its test. */
export function at(x: Nd, i: number): number {
  return x.data[i] ?? Number.NaN;
}

/** Adds to element `i` in row-major order. */
export function add(x: Nd, i: number, value: number): void {
  x.data[i] = at(x, i) + value;
}

/** Returns the dimensions of a 4-D array. */
export function dims4({ shape }: Pick<Nd, 'shape'>): [number, number, number, number] {
  const [N = 0, H = 0, W = 0, C = 0] = shape;
  return [N, H, W, C];
}

/** Returns the last dimension. */
export function channelsOf({ shape }: Nd): number {
  return shape[shape.length - 1] ?? 1;
}

/**
 * Returns where an element of a 4-D array lies in row-major order, or −1 outside. Dimensions are read by index, since an oracle does this for
 * every multiply-add and destructuring an array takes several times as long.
 */
function index4({ shape }: Nd, n: number, i: number, j: number, c: number): number {
  const H = shape[1] ?? 0;
  const W = shape[2] ?? 0;
  if (i < 0 || j < 0 || i >= H || j >= W) return -1;
  return ((n * H + i) * W + j) * (shape[3] ?? 0) + c;
}

/** Returns an element of a 4-D array, or 0 outside. */
export function at4(x: Nd, n: number, i: number, j: number, c: number): number {
  const k = index4(x, n, i, j, c);
  return k < 0 ? 0 : at(x, k);
}

/** Adds to an element of a 4-D array; does nothing outside. */
export function add4(x: Nd, n: number, i: number, j: number, c: number, value: number): void {
  const k = index4(x, n, i, j, c);
  if (k >= 0) add(x, k, value);
}

/** Makes a small reproducible generator of test data (mulberry32). */
export function testRandom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Returns normal test data with some NaN and infinities of both signs. */
export function testSpecial(_: number, random: () => number): number {
  return (
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][Math.floor(40 * random())] ?? testNormal(random)
  );
}

/** Returns normally distributed test data. */
export function testNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
