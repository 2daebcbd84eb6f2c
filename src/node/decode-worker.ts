import { parentPort } from 'node:worker_threads';
import { resize } from '../data/image.js';
import { readImage } from './images.js';

/** A job from the pool: decode an image file and resize it. */
export interface DecodeJob {
  readonly id: number;
  readonly path: string;
  readonly height: number;
  readonly width: number;
}

/** The result: H×W×3 bytes, or an error message. */
export type DecodeResult =
  | { readonly id: number; readonly data: Uint8Array }
  | { readonly id: number; readonly error: string };

parentPort?.on('message', ({ id, path, height, width }: DecodeJob) => {
  try {
    const { data } = resize(readImage(path), width, height);
    parentPort?.postMessage({ id, data } satisfies DecodeResult, [data.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort?.postMessage({ id, error: (error as Error).message } satisfies DecodeResult);
  }
});
