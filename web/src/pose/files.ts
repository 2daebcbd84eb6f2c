import { parseAnnotations } from '../../../src/data/annotations.js';
import { parseJson } from '../../../src/data/json.js';
import { keypointPictures } from '../../../src/data/keypoints.js';
import { type NamedPose, poseNamed } from '../../../src/data/named-pose.js';
import { parsePose, parsePoses } from '../../../src/data/pose-json.js';
import { decodeText, MAX_BYTES } from '../../../src/data/text.js';
import { UsageError } from '../../../src/gpu/errors.js';
import type { Skeleton } from '../../../src/pose/skeleton.js';

/** The files that a user gives together, by their kind. */
export interface GivenFiles {
  readonly checkpoint?: File;
  readonly picture?: File;
  /** An annotation table or a JSON file of poses. */
  readonly poses?: File;
}

type Kind = keyof GivenFiles;

const KINDS: Readonly<Record<Kind, { readonly what: string; readonly matches: (file: File) => boolean }>> = {
  checkpoint: { what: 'checkpoints', matches: ({ name }) => /\.safetensors$/i.test(name) },
  picture: {
    what: 'pictures',
    matches: ({ name, type }) => /\.(png|jpe?g|webp)$/i.test(name) || /^image\//.test(type),
  },
  poses: { what: 'files of poses', matches: ({ name }) => /\.(csv|json)$/i.test(name) },
};

/** Sorts dropped or chosen files by their kind. Throws `UsageError` for files that the page cannot use. */
export function sortFiles(files: readonly File[]): GivenFiles {
  const given: { -readonly [K in Kind]?: File } = {};
  for (const file of files) {
    const kind = (Object.keys(KINDS) as Kind[]).find((k) => KINDS[k].matches(file));
    if (!kind)
      throw new UsageError(
        `${file.name} cannot be used here. Give a picture (.png, .jpg, .webp), its joints or a list of poses (.csv, .json), ` +
          'or a checkpoint (.safetensors).',
      );
    const before = given[kind];
    if (before)
      throw new UsageError(`${before.name} and ${file.name} are both ${KINDS[kind].what}; give one at a time`);
    given[kind] = file;
  }
  if (given.checkpoint && (given.picture || given.poses))
    throw new UsageError(`give the checkpoint ${given.checkpoint.name} first, and then the other files`);
  return given;
}

const isTable = (file: File) => /\.csv$/i.test(file.name);

/** Reads a text file, but of one that is too large only the bytes that show this. */
const text = async (file: File, what: string, max = MAX_BYTES.text) =>
  decodeText(new Uint8Array(await file.slice(0, max + 1).arrayBuffer()), file.name, what, max);

const json = async (file: File) =>
  parseJson(await text(file, 'poses'), file.name, `cannot read the poses ${file.name}`);

const tableOf = async (file: File, skeleton: Skeleton, onNote?: OnNote) =>
  parseAnnotations(await text(file, 'annotation table', MAX_BYTES.table), file.name, skeleton, { onNote });

/** Called with remarks about how a file was read. */
export type OnNote = (text: string) => void;

/** Whether a value is a list of poses instead of a single pose: its first entry is a pose, not a joint. */
function isList(value: unknown): value is unknown[] {
  if (!Array.isArray(value) || !value.length) return false;
  const [first] = value;
  return Array.isArray(first)
    ? first.some((p) => p === null || Array.isArray(p))
    : typeof first === 'object' && !!first;
}

const stem = (name: string) => name.replace(/\.[^.]*$/, '');

/** The joints of a picture, from its row in a table or from a JSON file of one pose. */
export async function poseOfPicture(
  file: File,
  picture: string,
  skeleton: Skeleton,
  onNote?: OnNote,
): Promise<NamedPose> {
  if (isTable(file)) {
    const table = await tableOf(file, skeleton, onNote);
    return {
      label: stem(picture),
      where: `${picture} in ${file.name}`,
      pose: poseNamed(table, file.name, picture),
    };
  }
  const value = await json(file);
  if (isList(value) && !keypointPictures(value, file.name))
    throw new UsageError(
      `${file.name} is a list of ${value.length} poses, but ${picture} needs a file with its own joints`,
    );
  return { label: stem(picture), where: file.name, pose: parsePose(value, file.name, skeleton, { picture, onNote }) };
}

/** All poses of a file: the rows of a table, a JSON list, or one pose. */
export async function posesIn(file: File, skeleton: Skeleton, onNote?: OnNote): Promise<NamedPose[]> {
  if (isTable(file)) {
    const table = await tableOf(file, skeleton, onNote);
    return [...table].map(([name, pose]) => ({ label: stem(name), where: `${name} in ${file.name}`, pose }));
  }
  const value = await json(file);
  const pictures = keypointPictures(value, file.name);
  if (pictures ? pictures.length < 2 : !isList(value))
    return [{ label: stem(file.name), where: file.name, pose: parsePose(value, file.name, skeleton, { onNote }) }];
  return parsePoses(value, file.name, skeleton, { onNote }).map((pose, i) => ({
    label: `${stem(file.name)} ${i + 1}`,
    where: `${file.name}, pose ${i + 1}`,
    pose,
  }));
}
