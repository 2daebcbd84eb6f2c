import {
  BOOLEAN,
  COUNT,
  checked,
  FUNCTION,
  type Kind,
  type Kinds,
  NATURAL,
  OBJECT,
  oneOf,
  U32,
} from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { type GeometryKind, type PoseTensors, poseTensors } from '../pose/geometry.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { partOf, SHARD, type Shard } from '../shard.js';
import type { Dataset, DatasetImage, Decoder } from './dataset.js';
import { toTensor } from './image.js';
import { batchOrder } from './order.js';
import type { Pair } from './pairs.js';

export interface BatchOptions {
  /** The number of pairs of a batch, in all processes together. */
  readonly batch: number;
  /** The part of every batch to make. Default: all of it. */
  readonly shard?: Shard;
  readonly geometry: GeometryKind;
  /** The seed of the order of the pairs. */
  readonly seed?: number;
  /** Whether the pairs come in a new random order every epoch (default), or in the order of the dataset. */
  readonly shuffle?: boolean;
  /** How many batches are prepared beyond the requested one; default 3. */
  readonly ahead?: number;
  /** The size of the cache of decoded images in bytes; default 2³⁰. */
  readonly cacheBytes?: number;
}

const DATASET: Kind = ['a dataset, as of openDataset', (v) => OBJECT[1](v) && U32[1]((v as Dataset).pairs)];
const OPTIONS: Kinds = {
  batch: COUNT,
  'shard?': SHARD,
  geometry: /* @__PURE__ */ oneOf('rectangles', 'keypoints'),
  'seed?': NATURAL,
  'shuffle?': BOOLEAN,
  'ahead?': NATURAL,
  'cacheBytes?': NATURAL,
};

/** One batch of N pairs of H×W images as the GPU takes it. */
export interface Batch extends PoseTensors {
  readonly step: number;
  /** f32 [N, H, W, 3], values in [−1, 1]. */
  readonly source: Float32Array;
  readonly target: Float32Array;
  readonly names: readonly Pair[];
}

/** A decoded picture of H×W×3 values in [−1, 1], and its pose in pixels. */
export interface PosedImage {
  readonly values: Float32Array;
  readonly pose: Pose;
}

/** The arrays of a batch of N pairs of H×W pictures. Throws `UsageError` if a trunk joint is missing. */
export function batchArrays(
  geometry: GeometryKind,
  skeleton: Skeleton,
  pairs: readonly (readonly [source: PosedImage, target: PosedImage])[],
): Omit<Batch, 'step' | 'names'> {
  const size = pairs[0]?.[0].values.length ?? 0;
  const source = new Float32Array(pairs.length * size);
  const target = new Float32Array(pairs.length * size);
  for (const [i, [a, b]] of pairs.entries()) {
    source.set(a.values, i * size);
    target.set(b.values, i * size);
  }
  const poses = pairs.map(([a, b]) => [a.pose, b.pose] as const);
  return { source, target, ...poseTensors(geometry, skeleton, poses) };
}

/**
 * Makes batches of a dataset ahead of the GPU. The pairs of a batch are a pure function of seed and step, so a resumed
 * run gets the same batches as an uninterrupted one.
 */
export class Batches {
  /** The number of pairs, which make one epoch. */
  readonly count: number;
  readonly #decoder: Decoder;
  readonly #batches = new Map<number, Promise<Batch>>();
  readonly #decoding = new Map<DatasetImage, Promise<Float32Array>>();
  /** The least recently used image is first. */
  readonly #cache = new Map<DatasetImage, Float32Array>();
  #cached = 0;
  #closed = false;

  readonly dataset: Dataset;
  readonly options: BatchOptions;
  readonly #part: { readonly first: number; readonly count: number };

  /** `decoder` opens a decoder of images, which is closed with the batches. */
  constructor(...args: [dataset: Dataset, decoder: () => Decoder, options: BatchOptions]) {
    const kinds = { dataset: DATASET, decoder: FUNCTION, options: OPTIONS };
    const [dataset, decoder, options] = checked('new Batches', kinds, args);
    this.dataset = dataset;
    this.options = options;
    this.#part = partOf(options.batch, options.shard ?? { rank: 0, size: 1 });
    this.count = dataset.pairs.length / 2;
    this.#decoder = decoder();
  }

  /**
   * The batch of a step, where the first step is 0. Preparation of the next batches begins. Rejects with a `UsageError` that
   * names an image which can no longer be decoded.
   */
  batch(step: number): Promise<Batch> {
    if (!Number.isSafeInteger(step) || step < 0)
      return Promise.reject(new UsageError(`a step must be a whole number of 0 or more, got ${step}`));
    if (this.#closed) return Promise.reject(new UsageError('the loader is closed'));
    const last = step + (this.options.ahead ?? 3);
    for (const s of this.#batches.keys()) if (s < step || s > last) this.#batches.delete(s);
    for (let s = step; s <= last; s++) {
      if (this.#batches.has(s)) continue;
      const made = this.#make(s);
      // An error of a batch that is never requested must not end the process. A caller that requests it gets the error.
      made.catch(() => {});
      this.#batches.set(s, made);
    }
    return this.#batches.get(step) as Promise<Batch>;
  }

  /** Closes the decoder and drops all images. Batches in preparation are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#batches.clear();
    this.#cache.clear();
    this.#cached = 0;
    await this.#decoder.close();
  }

  async #make(step: number): Promise<Batch> {
    const { dataset, options } = this;
    const { skeleton } = dataset;
    const order = batchOrder(options.seed ?? 0, step, options.batch, this.count, options.shuffle);
    const { first, count } = this.#part;
    const pairs = order.slice(first, first + count).map((p) => [this.#image(2 * p), this.#image(2 * p + 1)] as const);
    const pixels = await Promise.all(pairs.flat().map((image) => this.#pixels(image)));
    const posed = (image: DatasetImage, i: number): PosedImage => ({
      values: pixels[i] as Float32Array,
      pose: image.pose,
    });
    return {
      step,
      ...batchArrays(
        options.geometry,
        skeleton,
        pairs.map(([a, b], i) => [posed(a, 2 * i), posed(b, 2 * i + 1)] as const),
      ),
      names: pairs.map(([a, b]) => [a.name, b.name]),
    };
  }

  #image(at: number): DatasetImage {
    return this.dataset.images[this.dataset.pairs[at] as number] as DatasetImage;
  }

  /** H×W×3 values in [−1, 1]. */
  #pixels(image: DatasetImage): Promise<Float32Array> {
    const cached = this.#cache.get(image);
    if (cached) {
      this.#cache.delete(image);
      this.#cache.set(image, cached);
      return Promise.resolve(cached);
    }
    const pending = this.#decoding.get(image);
    if (pending) return pending;
    const { height, width } = this.dataset;
    const decoding = this.#decoder
      .decode(image.path, height, width)
      .then((data) => {
        const values = toTensor({ height, width, data });
        this.#addToCache(image, values);
        return values;
      })
      .finally(() => this.#decoding.delete(image));
    this.#decoding.set(image, decoding);
    return decoding;
  }

  #addToCache(image: DatasetImage, data: Float32Array): void {
    if (this.#closed) return;
    this.#cache.set(image, data);
    this.#cached += data.byteLength;
    for (const [oldest, bytes] of this.#cache) {
      if (this.#cached <= (this.options.cacheBytes ?? 2 ** 30)) break;
      this.#cache.delete(oldest);
      this.#cached -= bytes.byteLength;
    }
  }
}
