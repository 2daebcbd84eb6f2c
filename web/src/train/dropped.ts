import type { DataSource } from '../../../src/data/dataset.js';
import { filesSource, type StoredFile } from '../../../src/data/files-source.js';
import { brokenImage, HEADER_BYTES, parseHeader, wholeHeader } from '../../../src/data/image-header.js';
import { decodeText, MAX_BYTES } from '../../../src/data/text.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { decodePicture } from '../picture.js';
import type { DroppedFile } from './protocol.js';

/** The data source of a folder that was dropped on the page. */
export function droppedSource(folder: string, files: readonly DroppedFile[]): DataSource {
  return filesSource(folder, new Map(files.map(({ path, file }) => [path, droppedFile(file)])));
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

function droppedFile(file: File): StoredFile {
  return {
    text: async (path, what) => decodeText(await read(path, () => bytesOf(file)), path, what, MAX_BYTES.table),
    header: (path) =>
      named(path, async () => {
        const start = await read(path, () => bytesOf(file.slice(0, HEADER_BYTES)));
        return parseHeader(start) ?? wholeHeader(await bytesOf(file));
      }),
    image: (path) =>
      named(path, async () => {
        wholeHeader(await read(path, () => bytesOf(file)));
        return (await decodePicture(file)).image;
      }),
  };
}

/** Reads a file, which may have been moved since it was dropped. */
async function read(path: string, body: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await body();
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`);
  }
}

async function named<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw error instanceof UsageError ? error : brokenImage(path, error);
  }
}
