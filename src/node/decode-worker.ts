import { resize } from '../data/image.js';
import { readImage } from './images.js';
import { answerJobs } from './worker-jobs.js';

/** A job from the pool: decode an image file and resize it. */
export interface DecodeJob {
  readonly path: string;
  readonly height: number;
  readonly width: number;
}

/** The result is H×W×3 bytes. */
answerJobs<DecodeJob, Uint8Array>(
  ({ path, height, width }) => resize(readImage(path), width, height).data,
  (data) => [data.buffer as ArrayBuffer],
);
