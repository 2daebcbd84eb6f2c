import { arg, type Call, grid, type Launch, type Variant } from '../../autograd/op.js';
import { type Shader, type ShaderSource, shader } from '../../gpu/shader.js';
import type { ConvAttrs } from './convolution.js';
import { convParams, scratchLimit, splitLaunch, storingTo } from './launch.js';

/**
 * The tiled kernels of the convolution family are one product of matrices each, cut into tiles: a workgroup makes m rows
 * × n columns in steps of eight terms, an invocation 8 rows × `width` columns. This file makes a kernel of each size from
 * its plain WGSL, and estimates which size suits a product.
 */
export interface Tile {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly width: 4 | 8;
  /**
   * Share of the multiply-add rate that is left beside the tile's own loads, relative to the largest: an estimate from
   * loads per multiply-add (docs/ops/conv2d.md), which the rule below needs when nothing was timed.
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

/** Tiles that deep layers, with few pixels and long sums, are split with. */
const SPLIT_TILES: readonly Tile[] = TILES.filter((t) => t.n < 128);

/** Products of matrices, `copies` of them at once: rows × terms times terms × columns, the terms in steps of eight. */
export interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly steps: number;
  readonly copies: number;
  /** Most chunks that the terms may be split into: those whose partial sums fit into scratch. */
  readonly room: number;
}

/** What keeps a large GPU busy: on each of 128 cores two workgroups, and 256 invocations with 64 elements each. */
const ENOUGH = { groups: 2 ** 8, elements: 2 ** 21 };

/** Steps of the shortest chunk: in fewer, a workgroup waits for its first loads longer than it multiplies. */
const SHORTEST = 8;

/** Multiply-adds in the time that a partial sum takes to be written and read again: eight bytes at some 16 per byte. */
const PARTIAL = 128;

/** Workgroups that cover all copies of a product. */
export const groupsOf = (t: Tile, { rows, columns, copies }: Product) =>
  copies * Math.ceil(rows / t.m) * Math.ceil(columns / t.n);

/** Estimated time in multiply-adds of a full device, when the terms are split into this many chunks. */
function timeOf(t: Tile, product: Product, splits: number): number {
  const groups = groupsOf(t, product);
  const elements = groups * t.m * t.n;
  const busy = Math.min(1, (splits * groups) / ENOUGH.groups, (splits * elements) / ENOUGH.elements);
  const partials = splits > 1 ? splits * product.copies * product.rows * product.columns : 0;
  return (8 * product.steps * elements) / t.efficiency / busy + PARTIAL * partials;
}

/** Chunks that the terms are best split into, a power of two before rounding to whole steps; 1 when not at all. */
export function splitsOf(t: Tile, product: Product): number {
  let best = 1;
  for (let s = 2; s <= Math.min(product.steps / SHORTEST, product.room); s *= 2)
    if (timeOf(t, product, s) < timeOf(t, product, best)) best = s;
  return best;
}

/** Why a tile does not fit the device or the product. */
export function rejectsTile(t: Tile, product: Product, { limits }: Call['device']): string | undefined {
  const { maxComputeInvocationsPerWorkgroup: most, maxComputeWorkgroupStorageSize: bytes } = limits;
  if ((t.m * t.n) / (8 * t.width) > most) return `the device allows ${most} invocations a workgroup`;
  if (64 * (t.m + t.n) > bytes) return `the device has ${bytes} bytes of workgroup memory`;
  const padded = (of: Tile) => groupsOf(of, product) * of.m * of.n;
  const least = Math.min(...TILES.map(padded));
  return padded(t) > 1.25 * least ? 'too much of the tiles would be empty' : undefined;
}

/** The tile with the least estimated time of those that fit, and its time. */
export function bestTile(
  tiles: readonly Tile[],
  product: Product,
  device: Call['device'],
  splits: (t: Tile) => number,
): { tile: Tile | undefined; time: number } {
  let best: { tile: Tile | undefined; time: number } = { tile: undefined, time: Number.POSITIVE_INFINITY };
  for (const t of tiles) {
    const time = timeOf(t, product, splits(t));
    if (time < best.time && !rejectsTile(t, product, device)) best = { tile: t, time };
  }
  return best;
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

/** Makes the kernel's one-line function that accesses `name` by four values do so one by one. */
function scalarAccess(code: string, name: string): string {
  const bound = replaceOnce(code, new RegExp(`(?<![.\\w])${name}: array<vec4f>`), `${name}: array<f32>`);
  const setter = `set${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const accessor = new RegExp(`(fn (?:${name}4|${setter})\\(.*?\\{).*`);
  const head = accessor.exec(bound)?.[1] ?? '';
  const body = head.includes('within') ? GATHER : head.includes('->') ? LOAD : STORE;
  const text = replaceOnce(bound, accessor, `${head}\n  ${body.replaceAll('NAME', name)}\n}`);
  return body === GATHER ? replaceOnce(text, /const SPREAD = .*/, 'const SPREAD = vec4u(0, 1, 2, 3);') : text;
}

/** A tiled kernel for one size of tile, with the arguments named by `scalar` accessed value by value. */
export function withTile(source: ShaderSource, t: Tile, scalar: readonly string[]): ShaderSource {
  let text = source.code;
  for (const [name, value] of Object.entries({ M: t.m, N: t.n, WIDTH: t.width }))
    text = replaceOnce(text, new RegExp(`const ${name} = \\d+u;`), `const ${name} = ${value}u;`);
  return { ...source, code: scalar.reduce(scalarAccess, text) };
}

/** Keeps what `make` returned for each key. */
export function kept(make: (t: Tile, scalar: readonly string[]) => Shader): typeof make {
  const made = new Map<string, Shader>();
  return (t, scalar) => {
    const key = `${t.name} ${scalar}`;
    const found = made.get(key) ?? make(t, scalar);
    made.set(key, found);
    return found;
  };
}

/** A convolution as a product of matrices. */
export interface TiledConvolution<A> {
  readonly op: string;
  /** Plain WGSL of the 128 × 128 tile. */
  readonly source: ShaderSource;
  product(call: Call<A>): Omit<Product, 'room'>;
  /** Arguments to access value by value, because their rows are no multiples of four. */
  scalar(call: Call<A>): readonly string[];
}

/** The `tiled…` and `splitK…` variants of a convolution, by tile; a GPU's rule avoids all but the best estimated. */
export function tiledVariants<A extends ConvAttrs>({ op, source, ...of }: TiledConvolution<A>): Variant<A>[] {
  const whole = kept((t, scalar) => shader(`${op}/tiled${t.name}`, withTile(source, t, scalar)));
  // A chunk stores to scratch: fused work belongs to the kernel that adds the chunks and stores y.
  const part = kept((t, scalar) => storingTo(`${op}/splitK${t.name}`, withTile(source, t, scalar), 'y', 'partials'));
  const productOf = (call: Call<A>): Product => {
    const product = of.product(call);
    const { rows, channels } = arg(call, 'y');
    const scratch = Math.floor(scratchLimit(call as Call<never>) / (rows * channels));
    return { ...product, room: Math.min(scratch, Math.floor(65535 / product.copies)) };
  };
  const launch = (call: Call<A>, t: Tile, chunk: number, splits: number) => {
    const product = productOf(call);
    const [across, down] = grid(groupsOf(t, { ...product, copies: 1 }), 1);
    return {
      shader: (splits > 1 ? part : whole)(t, of.scalar(call)),
      params: { ...convParams(call), chunk },
      workgroups: [across, down, splits * product.copies] as const,
    };
  };
  const bestOf = (call: Call<A>, product: Product) => {
    const one = bestTile(TILES, product, call.device, () => 1);
    const many = bestTile(SPLIT_TILES, product, call.device, (t) => splitsOf(t, product));
    return many.time < one.time ? `splitK${many.tile?.name}` : `tiled${one.tile?.name}`;
  };
  const variant = (
    name: string,
    t: Tile,
    rejects: (product: Product) => string | false,
    launchOf: (call: Call<A>) => Launch,
  ): Variant<A> => ({
    name,
    rejects: (call) => {
      const product = productOf(call);
      if (product.copies > 65535) return 'too many phases';
      return rejectsTile(t, product, call.device) ?? rejects(product);
    },
    avoid: (call) => call.device.software || bestOf(call, productOf(call)) !== name,
    launch: launchOf,
  });
  return [
    ...TILES.map((t) =>
      variant(
        `tiled${t.name}`,
        t,
        () => false,
        (call) => ({
          dispatches: [launch(call, t, productOf(call).steps, 1)],
        }),
      ),
    ),
    ...SPLIT_TILES.map((t) =>
      variant(
        `splitK${t.name}`,
        t,
        (product) => splitsOf(t, product) < 2 && 'there are enough tiles without splitting',
        (call) => {
          const product = productOf(call);
          const chunk = Math.ceil(product.steps / splitsOf(t, product));
          const splits = Math.ceil(product.steps / chunk);
          return splitLaunch(call, splits, launch(call, t, chunk, splits));
        },
      ),
    ),
  ];
}
