import { join } from 'node:path';
import * as data from '../data/dataset.js';
import { DecodePool } from './decode-pool.js';
import { isThere, namesIn, readTable } from './files.js';
import { readImageHeader } from './images.js';
import { type Lock, lock } from './lock.js';
import { removeLeftovers } from './temporary.js';

export interface DatasetOptions extends data.DatasetOptions {
  /** The data folder. */
  readonly folder: string;
  /** The number of decoding threads of the thorough check. */
  readonly workers?: number;
}

/** A data folder on the disk; `workers` threads decode its images. */
function folderSource(folder: string, workers?: number): data.DataSource {
  return {
    folder,
    path: (...names) => join(folder, ...names),
    exists: isThere,
    list: () => (isThere(folder) ? namesIn(folder) : undefined),
    readText: async (path, what) => readTable(path, what),
    imageHeader: async (path) => readImageHeader(path),
    decoder: () => new DecodePool(workers),
  };
}

/** The paths of the files of one half of a dataset. */
export function datasetPaths(folder: string, name: string, split: data.Split) {
  return data.datasetPaths(folderSource(folder), name, split);
}

/** Locks the dataset against other writers, and removes temporary files that killed writers have left. */
export function lockDataset(folder: string, name: string): Lock {
  const held = lock(join(folder, `${name}-dataset.lock`), `writing the dataset ${name} in ${folder}`);
  removeLeftovers(folder);
  for (const split of ['train', 'test'] as const) removeLeftovers(datasetPaths(folder, name, split).images);
  return held;
}

/** Opens and checks one half of a dataset on the disk, as `openDataset` does for any source. */
export function openDataset({ folder, workers, ...options }: DatasetOptions): Promise<data.Dataset> {
  return data.openDataset(folderSource(folder, workers), options);
}
