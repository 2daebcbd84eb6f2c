/**
 * What the float64 oracles share. An oracle is the maths of an op in plain loops; it imports nothing of the engine.
 */
export interface Nd {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function nd(shape: readonly number[], fill?: (index: number) => number): Nd {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  if (fill) for (let i = 0; i < data.length; i++) data[i] = fill(i);
  return { shape, data };
}

/** Element of a 4-D array; 0 outside. */
export function at4(x: Nd, n: number, i: number, j: number, c: number): number {
  const [, H, W, C] = x.shape as [number, number, number, number];
  if (i < 0 || j < 0 || i >= H || j >= W) return 0;
  return x.data[((n * H + i) * W + j) * C + c] as number;
}

/** Adds to an element of a 4-D array; does nothing outside. */
export function add4(x: Nd, n: number, i: number, j: number, c: number, value: number): void {
  const [, H, W, C] = x.shape as [number, number, number, number];
  if (i < 0 || j < 0 || i >= H || j >= W) return;
  const k = ((n * H + i) * W + j) * C + c;
  x.data[k] = (x.data[k] as number) + value;
}

/** Small reproducible generator for test data (mulberry32). */
export function testRandom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** NaN and both infinities among test data. */
export function testSpecial(_: number, random: () => number): number {
  return (
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][Math.floor(40 * random())] ?? testNormal(random)
  );
}

/** Normally distributed test data. */
export function testNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
