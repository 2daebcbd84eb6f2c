import { type DeviceTraits, grid, type KernelChoice, type Variant } from '../../autograd/kernel.js';
import { type Shader, type ShaderSource, shader, withVariable } from '../../gpu/shader.js';
import { type ConvCall, scratchLimit, splitLaunch } from './launch.js';

/**
 * Each tiled kernel of the convolution family is one matrix product, divided into tiles: a workgroup computes m
 * rows × n columns in steps of eight terms, and an invocation 8 rows × `width` columns. This file makes a kernel of
 * each size from its plain WGSL, and estimates which size suits a product.
 */
export interface Tile {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly width: 4 | 8;
  /**
   * The share of the multiply-add rate that remains after the tile's own loads, relative to the largest tile. It is an
   * estimate from loads per multiply-add (docs/ops/conv2d.md), which the rule below uses when nothing was timed.
   */
  readonly efficiency: number;
}

const tile = (m: number, n: number, width: 4 | 8, efficiency: number): Tile => ({
  ...{ name: `${m}x${n}`, m, n, width, efficiency },
});

export const TILES: readonly Tile[] = [
  tile(128, 128, 8, 1),
  tile(128, 64, 8, 0.95),
  tile(64, 64, 8, 0.85),
  tile(32, 32, 4, 0.5),
];

/** The tiles for splitting deep layers, which have few pixels and long sums. */
const SPLIT_TILES: readonly Tile[] = TILES.filter((t) => t.n < 128);

/**
 * Matrix products of rows × terms and terms × columns, `copies` of them at once. The terms are counted in steps of
 * eight.
 */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly steps: number;
  readonly copies: number;
  /** The most chunks that the terms may be split into, so that their partial sums fit into scratch. */
  readonly room: number;
}

/**
 * This much work keeps a large GPU busy: on each of 128 cores two workgroups, and 256 invocations with 64 elements
 * each.
 */
const ENOUGH = { groups: 2 ** 8, elements: 2 ** 21 };

/** The steps of the shortest chunk. With fewer, a workgroup waits for its first loads longer than it multiplies. */
const SHORTEST = 8;

/** The multiply-adds in the time of writing and reading a partial sum: eight bytes at about 16 per byte. */
const PARTIAL = 128;

/** Returns the number of workgroups that cover all copies of a product. */
export const groupsOf = (t: Tile, { rows, columns, copies }: Product) =>
  copies * Math.ceil(rows / t.m) * Math.ceil(columns / t.n);

/** Estimates the time, in multiply-adds of a fully used device, when the terms are split into this many chunks. */
function timeOf(t: Tile, product: Product, splits: number): number {
  const groups = groupsOf(t, product);
  const elements = groups * t.m * t.n;
  const busy = Math.min(1, (splits * groups) / ENOUGH.groups, (splits * elements) / ENOUGH.elements);
  const partials = splits > 1 ? splits * product.copies * product.rows * product.columns : 0;
  return (8 * product.steps * elements) / t.efficiency / busy + PARTIAL * partials;
}

/**
 * Returns the best number of chunks for the terms, a power of two before rounding to whole steps, or 1 for no
 * splitting.
 */
export function splitsOf(t: Tile, product: Product): number {
  let best = 1;
  for (let s = 2; s <= Math.min(product.steps / SHORTEST, product.room); s *= 2)
    if (timeOf(t, product, s) < timeOf(t, product, best)) best = s;
  return best;
}

/** Returns why a tile does not fit the device or the product, or nothing when it fits both. */
export function tileRefusal(t: Tile, product: Product, { limits }: DeviceTraits): string | undefined {
  const { maxComputeInvocationsPerWorkgroup: most, maxComputeWorkgroupStorageSize: bytes } = limits;
  if ((t.m * t.n) / (8 * t.width) > most) return `the device allows ${most} invocations a workgroup`;
  if (64 * (t.m + t.n) > bytes) return `the device has ${bytes} bytes of workgroup memory`;
  const padded = (of: Tile) => groupsOf(of, product) * of.m * of.n;
  const least = Math.min(...TILES.map(padded));
  return padded(t) > 1.25 * least ? 'too large a part of the tiles would be empty' : undefined;
}

/** A tile, the number of chunks that the terms are split into with it, and the estimated time. */
interface Estimate {
  readonly tile: Tile;
  readonly splits: number;
  readonly time: number;
}

/** Returns the tile with the least estimated time of those that fit, or nothing when none does. */
export function bestTile(
  tiles: readonly Tile[],
  product: Product,
  device: DeviceTraits,
  splitsWith: (t: Tile) => number,
): Estimate | undefined {
  let best: Estimate | undefined;
  for (const tile of tiles) {
    const splits = splitsWith(tile);
    const time = timeOf(tile, product, splits);
    if (!(best && time >= best.time) && !tileRefusal(tile, product, device)) best = { tile, splits, time };
  }
  return best;
}

/** The reason when `bestTile` finds none. */
export const NO_TILE = 'no tile fits both the device and the product';

/** Returns an estimate in words, such as `tiles of 64×64 have the least estimated time for 32768×128 in 72 steps`. */
export function describeBest({ tile, splits }: Estimate, { rows, columns, steps, copies }: Product): string {
  const chunks = Math.ceil(steps / Math.ceil(steps / splits));
  const split = chunks > 1 ? `, with each sum split into ${chunks} chunks,` : '';
  const times = copies > 1 ? `${copies} times ` : '';
  const size = `${times}${rows}×${columns} in ${steps} steps`;
  return `tiles of ${tile.m}×${tile.n}${split} have the least estimated time for ${size}`;
}

function replaceOnce(code: string, pattern: RegExp, by: string): string {
  if (!pattern.test(code)) throw new Error(`a tiled kernel must contain ${pattern}`);
  return code.replace(pattern, () => by);
}

const LOAD = `let d = min(vec4u(0, 1, 2, 3), vec4u(left - 1u));
  let v = vec4f(NAME[e], NAME[e + d.y], NAME[e + d.z], NAME[e + d.w]);
  return select(vec4f(), v, vec4u(0, 1, 2, 3) < vec4u(left));`;
const GATHER = 'return select(vec4f(), vec4f(NAME[e.x], NAME[e.y], NAME[e.z], NAME[e.w]), within);';
const STORE = `NAME[e] = v.x;
  if (left > 1u) { NAME[e + 1u] = v.y; }
  if (left > 2u) { NAME[e + 2u] = v.z; }
  if (left > 3u) { NAME[e + 3u] = v.w; }`;

/** Changes the kernel's one-line function that accesses four values of `name` at once to access them one by one. */
function scalarAccess(code: string, name: string): string {
  const bound = replaceOnce(code, new RegExp(`(?<![.\\w])${name}: array<vec4f>`), `${name}: array<f32>`);
  const setter = `set${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const accessor = new RegExp(`(fn (?:${name}4|${setter})\\(.*?\\{).*`);
  const head = accessor.exec(bound)?.[1] ?? '';
  const body = head.includes('within') ? GATHER : head.includes('->') ? LOAD : STORE;
  const text = replaceOnce(bound, accessor, `${head}\n  ${body.replaceAll('NAME', name)}\n}`);
  return body === GATHER ? replaceOnce(text, /const SPREAD = .*/, 'const SPREAD = vec4u(0, 1, 2, 3);') : text;
}

/**
 * Returns a tiled kernel for one size of tile, in which the arguments that `scalar` names are accessed value by value.
 */
export function withTile(source: ShaderSource, t: Tile, scalar: readonly string[]): ShaderSource {
  let text = source.code;
  for (const [name, value] of Object.entries({ M: t.m, N: t.n, WIDTH: t.width }))
    text = replaceOnce(text, new RegExp(`const ${name} = \\d+u;`), `const ${name} = ${value}u;`);
  return { ...source, code: scalar.reduce(scalarAccess, text) };
}

/** Caches what `make` returns for each key. */
export function memoized(make: (t: Tile, scalar: readonly string[]) => Shader): typeof make {
  const made = new Map<string, Shader>();
  return (t, scalar) => {
    const key = `${t.name} ${scalar}`;
    const found = made.get(key) ?? make(t, scalar);
    made.set(key, found);
    return found;
  };
}

/** A convolution as a matrix product. */
export interface TiledConvolution<C> {
  readonly op: string;
  /** The plain WGSL of the 128 × 128 tile. */
  readonly source: ShaderSource;
  /** Returns the numbers of the kernel except `chunk`. */
  params(call: C): Readonly<Record<string, number>>;
  product(call: C): Omit<Product, 'room'>;
  /** Returns the arguments to access value by value, because the length of their rows is not a multiple of four. */
  scalar(call: C): readonly string[];
}

export interface TiledKernels<C> {
  /** `tiled…` for each tile, and `splitK…` for each that sums can be split with. */
  readonly variants: readonly Variant<C>[];
  /** Returns the variant with the least estimated time for a call, or in words why none can run it. */
  best(call: C): KernelChoice<C> | string;
}

/** The workgroups that a dispatch may have in each dimension, one of which counts the phases. */
export const MOST_PHASES = 65535;

export const TOO_MANY_PHASES = 'the stride gives too many phases';

/** Returns the tiled kernels of a convolution. */
export function tiledVariants<C extends ConvCall>({ op, source, ...of }: TiledConvolution<C>): TiledKernels<C> {
  const whole = memoized((t, scalar) => shader(`${op}/tiled${t.name}`, withTile(source, t, scalar)));
  // A chunk is stored in scratch, so fused ops belong to the kernel that adds the chunks and stores y.
  const part = memoized((t, scalar) =>
    withVariable(`${op}/splitK${t.name}`, withTile(source, t, scalar), 'y', 'partials'),
  );
  const productOf = (call: C): Product => {
    const product = of.product(call);
    const { rows, channels } = call.arg.y;
    const scratch = Math.floor(scratchLimit(call.device) / (rows * channels));
    return { ...product, room: Math.min(scratch, Math.floor(MOST_PHASES / product.copies)) };
  };
  const refusal = (t: Tile, product: Product, { device }: C) =>
    product.copies > MOST_PHASES ? TOO_MANY_PHASES : tileRefusal(t, product, device);
  const dispatch = (call: C, t: Tile, product: Product, chunk: number, splits: number) => {
    const [across, down] = grid(groupsOf(t, { ...product, copies: 1 }), 1);
    return {
      shader: (splits > 1 ? part : whole)(t, of.scalar(call)),
      params: { ...of.params(call), chunk },
      workgroups: [across, down, splits * product.copies] as const,
    };
  };
  const wholeVariant = (t: Tile): Variant<C> => ({
    name: `tiled${t.name}`,
    launch: (call) => {
      const product = productOf(call);
      return refusal(t, product, call) ?? { dispatches: [dispatch(call, t, product, product.steps, 1)] };
    },
  });
  const splitVariant = (t: Tile): Variant<C> => ({
    name: `splitK${t.name}`,
    launch: (call) => {
      const product = productOf(call);
      const refused = refusal(t, product, call);
      if (refused) return refused;
      const wanted = splitsOf(t, product);
      if (wanted < 2) return 'there are enough tiles without splitting';
      const chunk = Math.ceil(product.steps / wanted);
      const splits = Math.ceil(product.steps / chunk);
      return splitLaunch(call, splits, dispatch(call, t, product, chunk, splits));
    },
  });
  const wholes = new Map(TILES.map((t) => [t, wholeVariant(t)]));
  const splits = new Map(SPLIT_TILES.map((t) => [t, splitVariant(t)]));
  return {
    variants: [...wholes.values(), ...splits.values()],
    best: (call) => {
      const product = productOf(call);
      if (product.copies > MOST_PHASES) return TOO_MANY_PHASES;
      const one = bestTile(TILES, product, call.device, () => 1);
      const many = bestTile(SPLIT_TILES, product, call.device, (t) => splitsOf(t, product));
      const best = one && many && many.time < one.time ? many : one;
      const variant = best && (best === many ? splits : wholes).get(best.tile);
      return variant ? { variant, reason: describeBest(best, product) } : NO_TILE;
    },
  };
}
