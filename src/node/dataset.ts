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
  /** Decoding threads of the thorough check. */
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

/** Where the files of one half of a dataset are. */
export function datasetPaths(folder: string, name: string, split: data.Split) {
  return data.datasetPaths(folderSource(folder), name, split);
}

/** Keeps others from writing the dataset's files at the same time, and removes what writers that were killed have left of them. */
export function lockDataset(folder: string, name: string): Lock {
  const held = lock(join(folder, `${name}-dataset.lock`), `writing the dataset ${name} in ${folder}`);
  removeLeftovers(folder);
  for (const split of ['train', 'test'] as const) removeLeftovers(datasetPaths(folder, name, split).images);
  return held;
}

/** Opens and checks one half of a dataset on the disk, as `openDataset` of any source does. */
export function openDataset({ folder, workers, ...options }: DatasetOptions): Promise<data.Dataset> {
  return data.openDataset(folderSource(folder, workers), options);
}
