import { input } from '../autograd/leaves.js';
import { compile } from '../compiler/compile.js';
import type { Plan } from '../compiler/plan.js';
import { IMAGE, type Image } from '../data/image.js';
import { COUNT, checked, FUNCTION, type Kind, listOf, POSITIVE } from '../gpu/arguments.js';
import { ENGINE, type Engine } from '../gpu/engine.js';
import { FrozenWeights } from './frozen-weights.js';
import { ssd300 } from './ssd.js';
import { personScore } from './ssd-detections.js';
import { SSD_SIZE, ssdInput } from './ssd-input.js';

/** SSD300's results for one image: `loc` [8732, 4] and `conf` [8732, 21], which `ssdDetections` takes. */
export interface SsdOutput {
  readonly loc: Float32Array;
  readonly conf: Float32Array;
}

const WEIGHTS: Kind = ['a FrozenWeights', (v) => v instanceof FrozenWeights];
const IMAGES = /* @__PURE__ */ listOf(IMAGE);

/** SSD300 on an engine. It runs images of any size in batches of a fixed number. */
export class Ssd300 {
  private constructor(
    readonly batch: number,
    private readonly plan: Plan,
  ) {}

  /**
   * Compiles the network for batches of `batch` images. The largest tensor takes 23 MB an image, so that a device whose largest binding is
   * 128 MiB can take 5. `width` is that of `ssd300`. Rejects with `LimitError` if the device cannot bind the tensors of a batch, and with
   * the errors of the weights if they do not fit.
   */
  static async create(
    ...args: [engine: Engine, weights: FrozenWeights, batch: number, width?: number]
  ): Promise<Ssd300> {
    const kinds = { engine: ENGINE, weights: WEIGHTS, batch: COUNT, 'width?': POSITIVE };
    const [engine, weights, batch, width] = checked('Ssd300.create', kinds, args);
    const { loc, conf } = ssd300(weights, input('image', [batch, SSD_SIZE, SSD_SIZE, 3]), width);
    return new Ssd300(batch, await compile(engine, { loc, conf }));
  }

  /** The results for each image, in order. Keep only what is needed of them: they take 0.9 MB an image. */
  async run(...args: [images: readonly Image[]]): Promise<SsdOutput[]> {
    const [images] = checked('Ssd300.run', { images: IMAGES }, args);
    const outputs: SsdOutput[] = [];
    await this.#each(images, (output) => outputs.push(output));
    return outputs;
  }

  /**
   * The largest confidence of a person in each image, in [0, 1]; 0 where it is not above 0.01 (`personScore`). The detection score DS of a
   * set of images is the mean (Siarohin et al. 2018, §5.1; spec §7), and mask-DS is that of masked images. `onProgress` hears after each
   * batch how many images are done. Rejects with `PoseGanError` if results are NaN or infinite.
   */
  async personScores(...args: [images: readonly Image[], onProgress?: (done: number) => void]): Promise<number[]> {
    const [images, onProgress] = checked('Ssd300.personScores', { images: IMAGES, 'onProgress?': FUNCTION }, args);
    const scores: number[] = [];
    await this.#each(
      images,
      ({ conf }) => scores.push(personScore(conf)),
      () => onProgress?.(scores.length),
    );
    return scores;
  }

  /** Runs all images. The next batch is prepared while the device is busy with one. */
  async #each(images: readonly Image[], take: (output: SsdOutput) => void, onBatch = () => {}): Promise<void> {
    const { batch, plan } = this;
    let busy: Promise<void> | undefined;
    for (let first = 0; first < images.length; first += batch) {
      const part = images.slice(first, first + batch);
      // Where the last batch is not full, the remaining images are black minus black, and nobody reads their results.
      const values = new Float32Array(batch * SSD_SIZE * SSD_SIZE * 3);
      for (const [i, image] of part.entries()) ssdInput(image, values, i);
      await busy;
      plan.run({ image: values });
      busy = this.#results(part.length, take).then(onBatch);
    }
    await busy;
  }

  async #results(count: number, take: (output: SsdOutput) => void): Promise<void> {
    const [loc, conf] = await Promise.all([this.plan.read('loc'), this.plan.read('conf')]);
    const of = (values: Float32Array, i: number) => {
      const length = values.length / this.batch;
      return values.subarray(i * length, (i + 1) * length);
    };
    for (let i = 0; i < count; i++) take({ loc: of(loc, i), conf: of(conf, i) });
  }

  /** Frees what the network needs on the device besides its weights. */
  destroy(): void {
    this.plan.destroy();
  }
}
