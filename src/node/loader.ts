import { Batches, type BatchOptions } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import { DecodePool } from './decode-pool.js';

export interface LoaderOptions extends BatchOptions {
  /** The number of decoding threads. */
  readonly workers?: number;
}

/** Batches of a dataset on the disk. Worker threads read and decode the images. */
export class Loader extends Batches {
  constructor(dataset: Dataset, { workers, ...options }: LoaderOptions) {
    super(dataset, () => new DecodePool(workers), options);
  }
}
