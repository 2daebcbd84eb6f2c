import { input } from '../autograd/leaves.js';
import type { Tensor } from '../autograd/tensor.js';
import { compile } from '../compiler/compile.js';
import type { Plan } from '../compiler/plan.js';
import { IMAGE, type Image } from '../data/image.js';
import { COUNT, checked, FUNCTION, type Kind, listOf, numeric, oneOf } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { add, mul } from '../kernels/elementwise/elementwise.js';
import { resize2d } from '../kernels/resize2d/resize2d.js';
import { softmax } from '../kernels/softmax/softmax.js';
import { resizeBicubic } from './bicubic.js';
import { FrozenWeights } from './frozen-weights.js';
import { INCEPTION, INCEPTION_CLASSES, INCEPTION_FEATURES, inceptionV3 } from './inception-network.js';

/** Height and width of what the network sees, as it was trained. */
const SIDE = 299;
/** The smallest image that leaves a pixel for the last layers. */
const LEAST_SIDE = 75;

/**
 * How an image becomes the input of the network, as three implementations have it. Scores of different conventions cannot be compared.
 */
interface Convention {
  /** What it does, in words. */
  readonly words: string;
  /** The height and width of what the host gives to the GPU, for an image. */
  size(image: Pick<Image, 'height' | 'width'>, side: number): readonly [height: number, width: number];
  /** Writes these pixels, on the scale 0 … 255, to `out`. */
  fill(image: Image, side: number, out: Float32Array): void;
  /** The input of the network from these pixels [N, height, width, 3]. */
  build(pixels: Tensor, side: number): Tensor;
}

/** The conventions by name. */
export const INCEPTION_RESIZES = {
  /**
   * TensorFlow's graph of 2015, as in the first implementations of both scores: row i is at i · H / 299 of the image. `resize2d` with
   * `alignCorners` has row i of 300 at i · (H + 1 − 1) / (300 − 1), which is the same for an image whose last row and column are
   * repeated. The first convolution has stride 2 and does not read row and column 299.
   */
  tensorflow: {
    words: 'bilinear without half pixels, as TensorFlow 1 resizes',
    size: ({ height, width }) => [height + 1, width + 1],
    fill: ({ height, width, data }, _, out) => {
      for (let y = 0; y <= height; y++) {
        const row = data.subarray(3 * width * Math.min(y, height - 1), 3 * width * (Math.min(y, height - 1) + 1));
        out.set(row, 3 * (width + 1) * y);
        out.set(row.subarray(3 * (width - 1)), 3 * ((width + 1) * y + width));
      }
    },
    build: (pixels, side) =>
      scaled(resize2d(pixels, { size: side + 1, mode: 'bilinear', alignCorners: true }), 1 / 128),
  },
  /** The package pytorch-fid: PyTorch's `interpolate`. */
  'pytorch-fid': {
    words: 'bilinear with half pixels, without antialiasing, as PyTorch resizes',
    size: ({ height, width }) => [height, width],
    fill: ({ data }, _, out) => out.set(data),
    build: (pixels, side) => scaled(resize2d(pixels, { size: side, mode: 'bilinear' }), 1 / 127.5),
  },
  /** The package clean-fid (Parmar et al. 2022): Pillow's bicubic interpolation of floats, which runs on the host. */
  'clean-fid': {
    words: 'bicubic with antialiasing, as Pillow resizes',
    size: (_, side) => [side, side],
    fill: (image, side, out) => out.set(resizeBicubic(image, side, side)),
    build: (pixels) => scaled(pixels, 1 / 128),
  },
} as const satisfies Record<string, Convention>;

export type InceptionResize = keyof typeof INCEPTION_RESIZES;

/** The convention with which the scores of the paper's tables were computed. */
export const INCEPTION_RESIZE: InceptionResize = 'tensorflow';

/** factor · x − 1. */
const scaled = (x: Tensor, factor: number) => add(mul(x, factor), -1);

/**
 * How many images run at once by default. The largest activation has 5.5 MB an image, so that 24 fit into the smallest binding that
 * every device has.
 */
const BATCH = 8;

export interface InceptionOptions {
  /** How many images run at once. Default: 8. */
  readonly batch?: number;
  /** How images are resized. Default: `tensorflow`. */
  readonly resize?: InceptionResize;
  /** Height and width to which images are resized, an odd number of at least 75. Scores are defined for 299, the default. */
  readonly side?: number;
}

/** What Inception says about n images. */
export interface InceptionResult {
  /** The features `pool3`, [n, 2048], of which the Fréchet distance is taken. */
  readonly features: Float32Array;
  /** The soft-max of the logits without their bias, [n, 1008], of which the Inception Score is taken. */
  readonly probabilities: Float32Array;
}

const WEIGHTS: Kind = ['FrozenWeights', (v) => v instanceof FrozenWeights];
const SIDES = numeric(
  `an odd integer of at least ${LEAST_SIDE}`,
  (v) => Number.isSafeInteger(v) && v % 2 === 1 && v >= LEAST_SIDE,
);
const CREATE = {
  engine: ENGINE,
  weights: WEIGHTS,
  'options?': { 'batch?': COUNT, 'resize?': oneOf(...Object.keys(INCEPTION_RESIZES)), 'side?': SIDES },
};

/** A plan for images of one size. */
interface Prepared {
  readonly key: string;
  readonly batch: number;
  /** The length of the pixels of an image. */
  readonly length: number;
  readonly plan: Plan;
}

/** Inception v3 on 8-bit images, in batches. */
export class Inception {
  readonly resize: InceptionResize;
  readonly #batch: number;
  readonly #side: number;
  #prepared: Prepared | undefined;

  private constructor(
    private readonly engine: Engine,
    private readonly weights: FrozenWeights,
    { batch = BATCH, resize = INCEPTION_RESIZE, side = SIDE }: InceptionOptions,
  ) {
    this.#batch = batch;
    this.resize = resize;
    this.#side = side;
  }

  /**
   * Takes the weights of `INCEPTION`. Rejects with `UsageError` if one is missing or has another shape, before any GPU work.
   */
  static async create(
    ...args: [engine: Engine, weights: FrozenWeights, options?: InceptionOptions]
  ): Promise<Inception> {
    const [engine, weights, options = {}] = checked('Inception.create', CREATE, args);
    INCEPTION.define(weights);
    return new Inception(engine, weights, options);
  }

  /**
   * The features and probabilities of images of any size, in their order. Images of one size run together, and the bits of a result do
   * not depend on the other images. The last batch of a size takes as long as a full one. `onProgress` is called after every batch.
   */
  async run(
    ...args: [images: readonly Image[], onProgress?: (done: number, total: number) => void]
  ): Promise<InceptionResult> {
    const [images, onProgress] = checked('Inception.run', { images: listOf(IMAGE), 'onProgress?': FUNCTION }, args);
    const features = new Float32Array(images.length * INCEPTION_FEATURES);
    const probabilities = new Float32Array(images.length * INCEPTION_CLASSES);
    let done = 0;
    for (const group of groups(images, (image) => this.#keyOf(image))) {
      const prepared = await this.#prepare(images[group[0] ?? 0] as Image);
      for (let at = 0; at < group.length; at += prepared.batch) {
        const part = group.slice(at, at + prepared.batch);
        const found = await this.#runBatch(
          prepared,
          part.map((i) => images[i] as Image),
        );
        for (const [k, i] of part.entries()) {
          features.set(rowOf(found.features, k, INCEPTION_FEATURES), i * INCEPTION_FEATURES);
          probabilities.set(rowOf(found.probabilities, k, INCEPTION_CLASSES), i * INCEPTION_CLASSES);
        }
        done += part.length;
        onProgress?.(done, images.length);
      }
    }
    return { features, probabilities };
  }

  /** Frees everything but the weights. */
  destroy(): void {
    this.#prepared?.plan.destroy();
    this.#prepared = undefined;
  }

  async #runBatch({ batch, length, plan }: Prepared, images: readonly Image[]): Promise<InceptionResult> {
    const pixels = new Float32Array(batch * length);
    for (const [i, image] of images.entries())
      INCEPTION_RESIZES[this.resize].fill(image, this.#side, pixels.subarray(i * length, (i + 1) * length));
    plan.run({ pixels });
    const [features, probabilities] = await Promise.all([plan.read('features'), plan.read('probabilities')]);
    return { features, probabilities };
  }

  /** Images of the same key can run in one plan. */
  #keyOf(image: Image): string {
    return INCEPTION_RESIZES[this.resize].size(image, this.#side).join('×');
  }

  /** The plan for images of this size, which replaces that for another one. */
  async #prepare(image: Image): Promise<Prepared> {
    const convention: Convention = INCEPTION_RESIZES[this.resize];
    const [height, width] = convention.size(image, this.#side);
    const key = this.#keyOf(image);
    if (this.#prepared?.key === key) return this.#prepared;
    this.destroy();
    const length = height * width * 3;
    // As many large images as one binding has room for.
    const room = Math.floor(this.engine.device.limits.maxStorageBufferBindingSize / (4 * length));
    const batch = Math.max(1, Math.min(this.#batch, room));
    const pixels = input('pixels', [batch, height, width, 3]);
    const { pool3, unbiasedLogits } = inceptionV3(this.weights, convention.build(pixels, this.#side));
    const plan = await compile(this.engine, { features: pool3, probabilities: softmax(unbiasedLogits) });
    this.#prepared = { key, batch, length, plan };
    return this.#prepared;
  }
}

const rowOf = (values: Float32Array, row: number, length: number) => values.subarray(row * length, (row + 1) * length);

/** The indices of images by their key, in the order in which keys first appear. */
function groups(images: readonly Image[], keyOf: (image: Image) => string): readonly number[][] {
  const found = new Map<string, number[]>();
  for (const [i, image] of images.entries()) {
    const group = found.get(keyOf(image));
    if (group) group.push(i);
    else found.set(keyOf(image), [i]);
  }
  return [...found.values()];
}
