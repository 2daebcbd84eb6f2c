import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { parseAnnotations } from '../data/annotations.js';
import { resizePose } from '../data/dataset.js';
import { type Image, resize } from '../data/image.js';
import { parsePose, parsePoses } from '../data/pose-json.js';
import { UsageError } from '../gpu/errors.js';
import type { ModelFrame } from '../model/pairs.js';
import { jointFinder, type Pose, type Skeleton } from '../pose/skeleton.js';
import { readText } from './files.js';
import { readImage, readImageHeader } from './images.js';

/** A pose that was named on the command line, in pixels of the image it was made for. */
export interface NamedPose {
  /** Short, for file names. */
  readonly label: string;
  /** Where it stands, for errors. */
  readonly where: string;
  readonly pose: Pose;
  /** The picture that shows it, when it was named by one. */
  readonly image?: string;
}

/** How poses can be named; for help and errors. */
export const POSE_FORMS =
  'FILE.csv#NAME, FILE.csv (the image’s own row), FILE.json, or an image that --annotations knows';

const isImage = (path: string) => ['.png', '.jpg', '.jpeg'].includes(extname(path).toLowerCase());
const stem = (path: string) => basename(path, extname(path));

/** Reads poses by name; every annotation table once. */
export class PoseReader {
  readonly #tables = new Map<string, Map<string, Pose>>();

  constructor(
    readonly skeleton: Skeleton,
    readonly annotations?: string,
  ) {}

  /** The pose that `given` names; `own` is the file name of the image whose row a table without `#NAME` means. */
  read(given: string, own: string): NamedPose {
    const [, file = given, name = own] = /^(.*\.csv)(?:#(.*))?$/i.exec(given) ?? [];
    if (/\.csv$/i.test(file)) return { label: stem(name), where: `${name} in ${file}`, pose: this.#row(file, name) };
    if (/\.json$/i.test(given))
      return { label: stem(given), where: given, pose: parsePose(readJson(given), given, this.skeleton) };
    if (!isImage(given)) throw new UsageError(`"${given}" is no pose; it can be ${POSE_FORMS}`);
    if (!this.annotations)
      throw new UsageError(`the pose of ${given} is not known: name its annotation table with --annotations FILE.csv`);
    const row = basename(given);
    const pose = this.#row(this.annotations, row);
    return { label: stem(given), where: `${row} in ${this.annotations}`, pose, image: given };
  }

  /** All poses of a table, in the order of its rows, or of a JSON list. */
  sequence(file: string): NamedPose[] {
    if (/\.csv$/i.test(file))
      return [...this.#table(file)].map(([name, pose]) => ({ label: stem(name), where: `${name} in ${file}`, pose }));
    if (!/\.json$/i.test(file)) throw new UsageError(`--sequence must be FILE.json, FILE.csv or walk, got "${file}"`);
    return parsePoses(readJson(file), file, this.skeleton).map((pose, i) => ({
      label: String(i + 1),
      where: `${file}, pose ${i + 1}`,
      pose,
    }));
  }

  #row(file: string, name: string): Pose {
    const table = this.#table(file);
    const pose = table.get(name);
    if (pose) return pose;
    const some = [...table.keys()].slice(0, 3).join(', ');
    throw new UsageError(
      `${file} has no row for ${name}; it has ${table.size} rows: ${some}${table.size > 3 ? ', …' : ''}`,
    );
  }

  #table(file: string): Map<string, Pose> {
    const table = this.#tables.get(file) ?? parseAnnotations(readText(file, 'annotation table'), file, this.skeleton);
    this.#tables.set(file, table);
    return table;
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`cannot read the poses ${path}: ${(error as Error).message}`);
  }
}

/** A picture and its pose, both of the model's size. */
export interface Person {
  readonly name: string;
  readonly image: Image;
  readonly pose: Pose;
  /** Height and width before it was fitted. */
  readonly frame: readonly [height: number, width: number];
}

/**
 * Reads a picture with its pose for a model. `UsageError`, before it is decoded, when it has another size than the model's and
 * `fit` is not set, when a joint is outside it, and when a trunk joint is missing.
 */
export function readPerson(path: string, named: NamedPose, model: ModelFrame, fit: boolean): Person {
  const { height, width } = readImageHeader(path);
  if (!fit && (height !== model.height || width !== model.width))
    throw new UsageError(
      `${path} is ${height}×${width} (height×width), the model takes ${model.height}×${model.width}. ` +
        'Fix: --resize fits it, joints included',
    );
  const frame = [height, width] as const;
  checkTrunk(named, model.skeleton);
  const pose = fitPose(named, frame, model);
  return { name: basename(path), image: resize(readImage(path), model.width, model.height), pose, frame };
}

/** A pose from a picture of size `frame` in pixels of the model's. `UsageError` when a joint is outside the picture. */
export function fitPose(named: NamedPose, frame: readonly [number, number], model: ModelFrame): Pose {
  const [height, width] = frame;
  const { pose, where } = named;
  const outside = pose.findIndex((p) => p && (p[0] > width - 1 || p[1] > height - 1));
  if (outside >= 0)
    throw new UsageError(
      `${where}: ${model.skeleton.joints[outside]} is at x ${pose[outside]?.[0]}, y ${pose[outside]?.[1]}, ` +
        `outside the image of ${height}×${width} (height×width)`,
    );
  if (height === model.height && width === model.width) return pose;
  return resizePose(pose, frame, [model.height, model.width]);
}

/** `UsageError` when a joint is missing without which parts have no size. */
export function checkTrunk({ pose, where }: NamedPose, skeleton: Skeleton): void {
  const find = jointFinder(skeleton, pose);
  const missing = skeleton.trunk.joints.filter((j) => !find(j));
  if (missing.length)
    throw new UsageError(`${where} has no ${missing.join(', ')}; without them parts have no size. Choose another pose`);
}
