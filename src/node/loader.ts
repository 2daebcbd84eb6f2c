import { Batches, type BatchOptions } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import { DecodePool } from './decode-pool.js';

export interface LoaderOptions extends BatchOptions {
  /** Decoding threads. */
  readonly workers?: number;
}

/** Batches of a dataset on the disk; reading and decoding run on worker threads. */
export class Loader extends Batches {
  constructor(dataset: Dataset, { workers, ...options }: LoaderOptions) {
    super(dataset, () => new DecodePool(workers), options);
  }
}
