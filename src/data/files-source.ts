import { checked, FUNCTION, STRING } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import type { DataSource, Decoder } from './dataset.js';
import { type Image, resize } from './image.js';
import type { ImageHeader } from './image-header.js';
import { DATASET, type SynthDatasetOptions, synthDataset } from './synth-dataset.js';

/** A file in memory or in a page, for example dropped or drawn. Errors name it by `path`. */
export interface StoredFile {
  text(path: string, what: string): Promise<string>;
  header(path: string): Promise<ImageHeader>;
  image(path: string): Promise<Image>;
}

/** A data folder made of such files. Their keys are paths below it, with `/` between names. */
export function filesSource(folder: string, files: ReadonlyMap<string, StoredFile>): DataSource {
  const path = (...names: string[]) => [folder, ...names].filter(Boolean).join('/');
  const byPath = new Map([...files].map(([name, file]) => [path(name), file]));
  const folders = new Set<string>();
  for (const name of files.keys()) {
    const parts = name.split('/');
    for (let n = 1; n < parts.length; n++) folders.add(path(...parts.slice(0, n)));
  }
  const find = (file: string, what: string): StoredFile => {
    const found = byPath.get(file);
    if (!found) throw new UsageError(`cannot read the ${what} ${file}: there is no such file`);
    return found;
  };
  const decoder = (): Decoder => ({
    decode: async (file, height, width) => resize(await find(file, 'image').image(file), width, height).data,
    close: async () => {},
  });
  return {
    folder,
    path,
    exists: (file) => byPath.has(file) || folders.has(file),
    list: () => [...new Set([...files.keys()].map((name) => name.split('/')[0] ?? ''))].sort(),
    readText: async (file, what) => find(file, what).text(file, what),
    imageHeader: async (file) => find(file, 'image').header(file),
    decoder,
  };
}

/** A file that holds a text. Reading it as an image is an error. */
export function textFile(content: string): StoredFile {
  const refuse = async (path: string) => {
    throw new UsageError(`${path} is not a usable image: it is text`);
  };
  return { text: async () => content, header: refuse, image: refuse };
}

/** A file that holds a picture. Reading it as text is an error. */
export function imageFile(image: Image): StoredFile {
  const { height, width } = image;
  return {
    text: async () => {
      throw new UsageError('a picture cannot be read as text');
    },
    header: async () => ({ format: 'png', height, width }),
    image: async () => image,
  };
}

/**
 * A data folder with one drawn dataset, which has the same pictures and tables as those that `pose-gan synth` writes. `onImage` is
 * awaited after each picture, so that a page stays responsive and can stop by throwing.
 */
export async function drawnSource(
  ...args: [name: string, options: SynthDatasetOptions, onImage?: (done: number) => Promise<void> | void]
): Promise<DataSource> {
  const kinds = { name: STRING, options: DATASET, 'onImage?': FUNCTION };
  const [name, options, onImage = () => {}] = checked('drawnSource', kinds, args);
  const files = new Map<string, StoredFile>();
  let done = 0;
  for (const part of synthDataset(options)) {
    if (part.kind === 'image') {
      files.set(`${name}-dataset/${part.split}/${part.name}`, imageFile(part.image));
      await onImage(++done);
    } else {
      files.set(`${name}-annotation-${part.split}.csv`, textFile(part.annotations));
      files.set(`${name}-pairs-${part.split}.csv`, textFile(part.pairs));
    }
  }
  return filesSource('', files);
}
