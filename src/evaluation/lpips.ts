import { input } from '../autograd/leaves.js';
import { compile } from '../compiler/compile.js';
import type { Plan } from '../compiler/plan.js';
import { IMAGE, type Image } from '../data/image.js';
import { COUNT, checked, type Kind, listOf, oneOf } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import { expectSameSize } from '../metrics/ssim.js';
import { FrozenWeights } from './frozen-weights.js';
import { LPIPS_BACKBONES, LPIPS_NETS, type LpipsNet, lpipsDistance } from './lpips-network.js';

/**
 * Version 0.0 is the first release, which by mistake gives the network values in [−1, 1]. Version 0.1 gives it what it was trained on,
 * and has other weights.
 */
export type LpipsVersion = '0.0' | '0.1';

/** What version 0.1 subtracts from the values in [−1, 1] of red, green and blue, and by what it divides them then. */
const SHIFT = [-0.03, -0.088, -0.188] as const;
const SCALE = [0.458, 0.448, 0.45] as const;

/** What the network gets for an 8-bit value of a channel, at 256·channel + value. */
function inputs(version: LpipsVersion): Float32Array {
  return Float32Array.from({ length: 768 }, (_, i) => {
    const [channel, value] = [i >> 8, (i & 255) / 127.5 - 1];
    return version === '0.0' ? value : (value - (SHIFT[channel] as number)) / (SCALE[channel] as number);
  });
}

/** How large a tensor may be, in bytes. The largest one is VGG's first layer, 64 channels at the size of the image. */
const ROOM = 2 ** 26;
const MOST = 16;

/** The weights of LPIPS, which are published in two files. */
export interface LpipsWeights {
  readonly net: LpipsNet;
  readonly version: LpipsVersion;
  /** The weights of `LPIPS_BACKBONES[net]`. */
  readonly features: FrozenWeights;
  /** The factors of the channels, `lin0.model.1.weight` to `lin4.model.1.weight`, of this network and version. */
  readonly linear: FrozenWeights;
}

const FROZEN: Kind = ['FrozenWeights', (v) => v instanceof FrozenWeights];
const CREATE = {
  engine: ENGINE,
  weights: { net: oneOf('alex', 'vgg'), version: oneOf('0.0', '0.1'), features: FROZEN, linear: FROZEN },
  'batch?': COUNT,
};
const IMAGES = /* @__PURE__ */ listOf(IMAGE);

interface Prepared {
  readonly key: string;
  readonly batch: number;
  readonly plan: Plan;
}

/** LPIPS, the learned perceptual distance of images (Zhang et al. 2018), on an engine. */
export class Lpips {
  readonly #inputs: Float32Array;
  #prepared: Prepared | undefined;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly engine: Engine,
    private readonly weights: LpipsWeights,
    private readonly batch: number | undefined,
  ) {
    this.#inputs = inputs(weights.version);
  }

  /**
   * `batch` is how many pairs run at once, if as many fit into tensors of 64 MiB, and at most 16; by default as many as there are. Rejects with `UsageError` if a
   * weight is missing or has another shape, before any GPU work.
   */
  static async create(...args: [engine: Engine, weights: LpipsWeights, batch?: number]): Promise<Lpips> {
    const [engine, weights, batch] = checked('Lpips.create', CREATE, args);
    LPIPS_BACKBONES[weights.net].define(weights.features);
    return new Lpips(engine, weights, batch);
  }

  /** The height and width that images must have at least, in pixels. */
  get least(): number {
    return LPIPS_NETS[this.weights.net].least;
  }

  /**
   * The distances of pairs of 8-bit images, in their order; 0 for equal images. Images are compared in their own size. Rejects with
   * `UsageError` for lists of different lengths, pairs of different sizes and images that are too small, and with `PoseGanError` if
   * results are NaN or infinite.
   */
  async run(...args: [a: readonly Image[], b: readonly Image[]]): Promise<number[]> {
    const [a, b] = checked('Lpips.run', { a: IMAGES, b: IMAGES }, args);
    return ((await this.distances(a, [b])) as [number[]])[0];
  }

  /** The distances of images from those of each other list, whose features are computed once. Calls run one after another. */
  distances(images: readonly Image[], others: readonly (readonly Image[])[]): Promise<number[][]> {
    const result = this.#last.then(() => this.#distances(images, others));
    // A failure is that of this call; later ones start anew.
    this.#last = result.catch(() => {});
    return result;
  }

  /** Frees what the network needs on the device besides its weights. */
  destroy(): void {
    this.#prepared?.plan.destroy();
    this.#prepared = undefined;
  }

  async #distances(images: readonly Image[], others: readonly (readonly Image[])[]): Promise<number[][]> {
    for (const list of others) {
      if (list.length !== images.length)
        throw new UsageError(`LPIPS compares lists of equal length, got ${images.length} and ${list.length} images`);
      for (const [i, image] of list.entries()) expectSameSize(images[i] as Image, image);
    }
    const small = images.find(({ width, height }) => Math.min(width, height) < this.least);
    if (small)
      throw new UsageError(
        `LPIPS with ${LPIPS_BACKBONES[this.weights.net].title} needs images of at least ${this.least}×${this.least}, ` +
          `got ${small.height}×${small.width}`,
      );
    const results = others.map(() => new Array<number>(images.length).fill(0));
    let at = 0;
    while (at < images.length) {
      const { batch, plan } = await this.#prepare(images, at, others.length);
      const { height, width } = images[at] as Image;
      const same = (i: number) => images[i]?.height === height && images[i]?.width === width;
      let count = 1;
      while (count < batch && same(at + count)) count++;
      const values = [images, ...others].map((list) => this.#tensor(list.slice(at, at + count), batch, height * width));
      plan.run(Object.fromEntries(values.map((v, i) => [`image${i}`, v])));
      const found = await Promise.all(others.map((_, i) => plan.read(`distance${i}`)));
      for (const [k, distances] of found.entries())
        for (let i = 0; i < count; i++) (results[k] as number[])[at + i] = distances[i] as number;
      at += count;
    }
    const odd = results.flat().filter((v) => !Number.isFinite(v)).length;
    if (odd) throw new PoseGanError(`${odd} distances of LPIPS are NaN or infinite; its weights may be damaged`);
    return results;
  }

  /** The values of a batch [batch, H, W, 3]. Where it is not full, the rest is grey, and nobody reads its results. */
  #tensor(images: readonly Image[], batch: number, pixels: number): Float32Array {
    const values = new Float32Array(batch * pixels * 3);
    for (const [n, { data }] of images.entries()) {
      const first = n * pixels * 3;
      for (let p = 0; p < data.length; p += 3)
        for (let c = 0; c < 3; c++) values[first + p + c] = this.#inputs[256 * c + (data[p + c] as number)] as number;
    }
    return values;
  }

  /** The plan for images of the size of number `at`, which replaces that for another size. */
  async #prepare(images: readonly Image[], at: number, others: number): Promise<Prepared> {
    const { height, width } = images[at] as Image;
    const { net, features, linear } = this.weights;
    const fits = Math.max(1, Math.min(MOST, Math.floor(ROOM / (height * width * 64 * 4))));
    const batch = Math.min(fits, this.batch ?? images.length);
    const key = `${height}×${width}×${others}`;
    // A plan for fewer pairs serves the last, smaller batches too, but is replaced when there are more to do.
    if (this.#prepared?.key === key && this.#prepared.batch >= batch) return this.#prepared;
    this.destroy();
    const [first = [], ...rest] = Array.from({ length: others + 1 }, (_, i) =>
      LPIPS_NETS[net].features(features, input(`image${i}`, [batch, height, width, 3])),
    );
    const distances = rest.map((layers, i) => [`distance${i}`, lpipsDistance(linear, first, layers)] as const);
    const plan = await compile(this.engine, Object.fromEntries(distances));
    this.#prepared = { key, batch, plan };
    return this.#prepared;
  }
}
