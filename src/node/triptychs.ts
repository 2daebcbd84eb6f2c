import { extname, join } from 'node:path';
import { parseAnnotations } from '../data/annotations.js';
import { identityOf } from '../data/identity.js';
import type { Image } from '../data/image.js';
import { withinPicture } from '../data/named-pose.js';
import { permute } from '../data/order.js';
import type { EvaluatedPair } from '../evaluation/scorer.js';
import { cut, type Layout, pairOfFile, panelsOf, sheetSize } from '../evaluation/triptych.js';
import { UsageError } from '../gpu/errors.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { DecodePool } from './decode-pool.js';
import { namesIn, readTable } from './files.js';
import { readImage, readImageHeader } from './images.js';
import { batchNumbers, type PairSource } from './pair-source.js';

export interface TriptychOptions {
  readonly folder: string;
  readonly layout: Layout;
  /** An annotation table with the poses of the targets, for masks; their joints are in pixels of a panel. */
  readonly poses?: string;
  readonly skeleton: Skeleton;
  /** The largest number of pictures, drawn without replacement by `seed`. */
  readonly limit?: number;
  readonly seed?: number;
  readonly identity?: (name: string) => string;
  readonly workers?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** The pairs of a folder, with facts about them. */
export interface TriptychSource extends PairSource {
  /** The names of all pairs, in order. */
  readonly pairs: readonly { readonly source: string; readonly target: string }[];
  /** The number of targets without a pose. */
  readonly unposed: number;
  /** The format of the files, in words. */
  readonly format: string;
  /** The paths of all pictures, in order. */
  readonly paths: readonly string[];
  /** The poses of the targets, in order; `null` where there is none. */
  readonly poses: readonly (Pose | null)[];
}

/** Pictures that are decoded at the same time. */
const BATCH = 16;

/** The names of the PNG and JPEG files in a folder. Throws `UsageError` if there are none. */
export function picturesIn(folder: string): string[] {
  const all = namesIn(folder);
  const names = all.filter((name) => /\.(?:png|jpe?g)$/i.test(name) && !name.startsWith('.'));
  if (names.length) return names;
  const kinds = [...new Set(all.map((name) => extname(name) || 'no extension'))].slice(0, 4).join(', ');
  throw new UsageError(
    `${folder} has no picture (.png, .jpg, .jpeg); ${all.length ? `it has ${all.length} other entries (${kinds})` : 'it is empty'}. ` +
      'Fix: name the folder that holds the pictures themselves',
  );
}

/** The formats of files by their names, as in `PNG files` or `JPEG and PNG files`. */
export function formatsOf(names: readonly string[]): string {
  const formats = new Set(names.map((name) => (/\.png$/i.test(name) ? 'PNG' : 'JPEG')));
  return `${[...formats].sort().join(' and ')} files`;
}

/** The poses of a table, also by the names of its images without extension, as file names may join these. */
function poseTable(options: TriptychOptions): {
  get: (name: string) => Pose | undefined;
  known: (name: string) => string | undefined;
} {
  const { poses: file = '', skeleton } = options;
  const poses = parseAnnotations(readTable(file, 'annotation table'), file, skeleton);
  const stems = new Map([...poses.keys()].map((name) => [name.slice(0, name.length - extname(name).length), name]));
  return {
    get: (name) => poses.get(name),
    known: (name) => (poses.has(name) ? name : stems.get(name)),
  };
}

/**
 * The pairs of a folder of pictures that show source, target and generated image side by side. Every file's header is read before any
 * picture is decoded. Throws `UsageError` that names the file for pictures of different sizes, for panels that do not fit the layout, and
 * for a table that has none of the pairs. `unposed` is the number of targets without a pose.
 */
export function triptychs(options: TriptychOptions): TriptychSource {
  const { folder, layout, skeleton, identity = identityOf } = options;
  const files = selected(picturesIn(folder), options);
  const first = files[0] as string;
  const panels = panelsOf(readImage(join(folder, first)), layout, join(folder, first));
  const sheet = sheetSize(panels);
  for (const [i, file] of files.entries()) {
    const { height, width } = readImageHeader(join(folder, file));
    if (height !== sheet.height || width !== sheet.width)
      throw new UsageError(
        `${join(folder, file)} is ${height}×${width} (height×width), but ${first} is ${sheet.height}×${sheet.width}; all pictures ` +
          'must have one size. Fix: evaluate each size by itself',
      );
    options.onProgress?.(i + 1, files.length);
  }
  const table = options.poses === undefined ? undefined : poseTable(options);
  const size = [panels.height, panels.width] as const;
  const described = files.map((file) => {
    const names = pairOfFile(file, table?.known) ?? ([file, file] as const);
    const found = table?.get(names[1]);
    const pose = found && withinPicture(found, size, skeleton, `${options.poses}, ${names[1]}`, 'a panel');
    return { file, names, identity: identity(names[1]), ...(pose && { pose }) };
  });
  const unposed = described.filter(({ pose }) => !pose).length;
  if (table && unposed === files.length)
    throw new UsageError(
      `no file name in ${folder} joins two names of ${options.poses}, as in SOURCE_TARGET.png; the first is ${first}. ` +
        'Fix: name the table of these images, or leave --poses out, which leaves out the masks',
    );
  const seen = new Map<string, string>();
  for (const { file, names } of described) {
    const other = seen.get(names.join('\n'));
    if (other) throw new UsageError(`${other} and ${file} in ${folder} are the same pair. Fix: remove one of them`);
    seen.set(names.join('\n'), file);
  }

  const count = files.length;
  async function* batches(numbers = batchNumbers({ count, batch: BATCH })): AsyncGenerator<readonly EvaluatedPair[]> {
    const pool = new DecodePool(options.workers);
    const decode = async ({ file, ...pair }: (typeof described)[number]): Promise<EvaluatedPair> => {
      const picture: Image = { ...sheet, data: await pool.decode(join(folder, file), sheet.height, sheet.width) };
      return { ...pair, ...cut(picture, panels) };
    };
    const start = (number = Number.POSITIVE_INFINITY) => {
      const batch = Promise.all(described.slice(number * BATCH, (number + 1) * BATCH).map(decode));
      // The error is thrown when the batch is awaited. A caller that stops iterating does not need it.
      batch.catch(() => {});
      return batch;
    };
    try {
      let next = start(numbers[0]);
      for (let i = 0; i < numbers.length; i++) {
        const batch = await next;
        next = start(numbers[i + 1]);
        yield batch;
      }
    } finally {
      await pool.close();
    }
  }
  return {
    ...{ count, batch: BATCH },
    height: panels.height,
    width: panels.width,
    ...(table && { skeleton }),
    pairs: described.map(({ names: [source, target] }) => ({ source, target })),
    unposed,
    format: formatsOf(files),
    paths: files.map((file) => join(folder, file)),
    poses: described.map(({ pose }) => pose ?? null),
    batches,
  };
}

function selected(files: string[], { limit, seed = 0 }: TriptychOptions): string[] {
  if (limit === undefined || limit >= files.length) return files;
  return Array.from({ length: limit }, (_, i) => files[permute(i, files.length, seed)] as string);
}
