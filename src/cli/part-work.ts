import type { Dataset } from '../data/dataset.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { checkpointDigest, datasetDigests, digestOf, filesDigest } from '../node/digest.js';
import type { Work } from '../node/parts.js';
import type { TriptychSource } from '../node/triptychs.js';
import { progress } from './progress.js';

/** The pictures of triptychs, their names and the poses of their targets as the settings of a part. */
export function triptychWork({ count, pairs, poses, paths }: TriptychSource): Work {
  const bar = progress('reading pictures', count, { unit: 'pictures' });
  try {
    return {
      'number of pairs': count,
      pairs: digestOf(JSON.stringify(pairs)),
      poses: digestOf(JSON.stringify(poses)),
      images: filesDigest(paths, (done) => bar.update(done)),
    };
  } finally {
    bar.end();
  }
}

/** What a model generates for the pairs of a dataset depends on this, and on the adapter and the command's own options. */
export function modelWork(checkpoint: Checkpoint, dataset: Dataset): Work {
  return { checkpoint: checkpointDigest(checkpoint), step: checkpoint.info.step, ...datasetWork(dataset) };
}

/** The pairs, poses and images of a dataset as the settings of a part. */
function datasetWork(dataset: Dataset): Work {
  const bar = progress('reading images', dataset.images.length, { unit: 'images' });
  try {
    const digests = datasetDigests(dataset, (done) => bar.update(done));
    return { 'number of pairs': dataset.pairs.length / 2, ...digests };
  } finally {
    bar.end();
  }
}
