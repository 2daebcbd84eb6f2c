import { basename, extname } from 'node:path';
import { parseAnnotations } from '../data/annotations.js';
import { type Image, resize } from '../data/image.js';
import { checkTrunk, fitPose, type ModelFrame, type NamedPose, poseNamed } from '../data/named-pose.js';
import { parsePose, parsePoses } from '../data/pose-json.js';
import { UsageError } from '../gpu/errors.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { readJson, readTable } from './files.js';
import { readImage, readImageHeader } from './images.js';

/** The ways to name a pose, for help and errors. */
export const POSE_FORMS =
  'FILE.csv#NAME, FILE.csv (the image’s own row), FILE.json, FILE.json#NAME (a picture in it), or an image with a row in --annotations';

const isImage = (path: string) => ['.png', '.jpg', '.jpeg'].includes(extname(path).toLowerCase());
const stem = (path: string) => basename(path, extname(path));

/** Reads poses by name. Every annotation table is read once. */
export class PoseReader {
  readonly #tables = new Map<string, Map<string, Pose>>();
  readonly #onNote: (text: string) => void;

  constructor(
    readonly skeleton: Skeleton,
    readonly annotations?: string,
    /** Called once for each note on how a file was interpreted. */
    onNote: (text: string) => void = () => {},
  ) {
    const reported = new Set<string>();
    this.#onNote = (text) => {
      if (!reported.has(text)) onNote(text);
      reported.add(text);
    };
  }

  /** The pose that `given` names. For a table without `#NAME` it is the row of the image with the file name `own`. */
  read(given: string, own: string): NamedPose {
    const [, file = given, name = own] = /^(.*\.(?:csv|json))(?:#(.*))?$/is.exec(given) ?? [];
    const { skeleton } = this;
    const onNote = this.#onNote;
    if (/\.csv$/i.test(file)) return { label: stem(name), where: `${name} in ${file}`, pose: this.#row(file, name) };
    if (/\.json$/i.test(file)) {
      const pose = parsePose(readPoses(file), file, skeleton, { picture: name, onNote });
      return { label: stem(file), where: file, pose };
    }
    if (!isImage(given)) throw new UsageError(`"${given}" is not a pose; it can be ${POSE_FORMS}`);
    if (!this.annotations)
      throw new UsageError(`the pose of ${given} is unknown: name its annotation table with --annotations FILE.csv`);
    const row = basename(given);
    const pose = this.#row(this.annotations, row);
    return { label: stem(given), where: `${row} in ${this.annotations}`, pose, image: given };
  }

  /** All poses of a table, in the order of its rows, or of a JSON list. */
  sequence(file: string): NamedPose[] {
    if (/\.csv$/i.test(file))
      return [...this.#table(file)].map(([name, pose]) => ({ label: stem(name), where: `${name} in ${file}`, pose }));
    if (!/\.json$/i.test(file)) throw new UsageError(`--sequence must be FILE.json, FILE.csv or walk, got "${file}"`);
    const { skeleton } = this;
    const onNote = this.#onNote;
    return parsePoses(readPoses(file), file, skeleton, { onNote }).map((pose, i) => ({
      label: String(i + 1),
      where: `${file}, pose ${i + 1}`,
      pose,
    }));
  }

  #row(file: string, name: string): Pose {
    return poseNamed(this.#table(file), file, name);
  }

  #table(file: string): Map<string, Pose> {
    const { skeleton } = this;
    const onNote = this.#onNote;
    const read = () => parseAnnotations(readTable(file, 'annotation table'), file, skeleton, { onNote });
    const table = this.#tables.get(file) ?? read();
    this.#tables.set(file, table);
    return table;
  }
}

const readPoses = (file: string) => readJson(file, 'poses', `cannot read the poses ${file}`);

/** A picture and its pose, both in the model's size. */
export interface Person {
  readonly name: string;
  readonly image: Image;
  readonly pose: Pose;
  /** The height and width before it was resized. */
  readonly frame: readonly [height: number, width: number];
}

/**
 * Reads a picture with its pose for a model. Before the picture is decoded, throws `UsageError` if it has another size than the model's
 * and `fit` is not set, if a joint is outside it, or if a trunk joint is missing.
 */
export function readPerson(path: string, named: NamedPose, model: ModelFrame, fit: boolean): Person {
  const { height, width } = readImageHeader(path);
  if (!fit && (height !== model.height || width !== model.width))
    throw new UsageError(
      `${path} is ${height}×${width} (height×width), but the model takes ${model.height}×${model.width}. ` +
        'Fix: --resize resizes it, joints included',
    );
  const frame = [height, width] as const;
  checkTrunk(named, model.skeleton);
  const pose = fitPose(named, frame, model);
  return { name: basename(path), image: resize(readImage(path), model.width, model.height), pose, frame };
}
