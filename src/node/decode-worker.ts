import { parentPort } from 'node:worker_threads';
import { resize } from '../data/image.js';
import { readImage } from './images.js';

/** What the pool asks: an image file, fitted to a size. */
export interface DecodeJob {
  readonly id: number;
  readonly path: string;
  readonly height: number;
  readonly width: number;
}

/** The answer: H×W×3 bytes, or what was wrong. */
export type DecodeAnswer =
  | { readonly id: number; readonly data: Uint8Array }
  | { readonly id: number; readonly error: string };

parentPort?.on('message', ({ id, path, height, width }: DecodeJob) => {
  try {
    const { data } = resize(readImage(path), width, height);
    parentPort?.postMessage({ id, data } satisfies DecodeAnswer, [data.buffer as ArrayBuffer]);
  } catch (error) {
    parentPort?.postMessage({ id, error: (error as Error).message } satisfies DecodeAnswer);
  }
});
