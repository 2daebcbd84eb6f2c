import { basename, join, resolve } from 'node:path';
import { describe, type Fields, isObject, parseJson } from '../data/json.js';
import { formatTrainList, type LabelledFile } from '../data/reid.js';
import { UsageError } from '../gpu/errors.js';
import { isThere, namesIn, readText, writeFileAtomic } from './files.js';
import { joinParts } from './part-folders.js';
import { expectSameWork, newPart, parsePart, type Work } from './parts.js';
import { removeLeftovers } from './temporary.js';

/** The list of the pictures with their labels. It is written last. */
const LIST = 'train.txt';
/** The settings of the work in a folder that is not a part of it. */
const RECORD = 'reid.json';
const PART = /^part-\d+-of-\d+\.json$/;

const COMMAND = 'reid';

/**
 * Throws `UsageError` unless a folder is empty or holds an augmentation, so that its pictures never get among others. `part` says whether
 * parts of an augmentation may be there, `images` is the folder of the training images.
 */
export function expectOwnFolder(folder: string, part: boolean, images?: string): void {
  if (images !== undefined && resolve(folder) === resolve(images))
    throw new UsageError(`${folder} holds the training images themselves; name another folder by --out`);
  const names = isThere(folder) ? namesIn(folder).filter((name) => !name.startsWith('.')) : [];
  if (names.includes(RECORD)) return;
  const found = names.find((name) => PART.test(name));
  if (found && !part)
    throw new UsageError(
      `${folder} holds parts of an augmentation (${found}); join them by pose-gan reid --out ${folder} --merge, or name another folder by --out`,
    );
  if (names.length && !found)
    throw new UsageError(
      `${folder} holds other files (${names[0]}) and no augmentation (${RECORD}); name an empty or a new folder by --out`,
    );
}

/**
 * Records the settings of a whole augmentation before its files are written, and removes temporary files that killed processes have left.
 * Throws `UsageError` if the folder holds an augmentation with other settings.
 */
export function beginWhole(folder: string, work: Work): void {
  const path = join(folder, RECORD);
  const own = newPart(COMMAND, { index: 1, count: 1 }, work);
  removeLeftovers(folder);
  if (isThere(path)) {
    const before = parsePart(parseJson(readText(path), path), path, COMMAND);
    expectSameWork({ ...before, path }, { ...own, path: 'the work that was asked for' });
  } else writeFileAtomic(path, `${JSON.stringify(own)}\n`);
}

/** Writes the list of all pictures, which says that they are complete. */
export function writeList(folder: string, files: readonly LabelledFile[], prefix: string): void {
  writeFileAtomic(join(folder, LIST), formatTrainList(files, prefix));
}

/**
 * Joins the parts in some folders, and those in `out` itself, to what one run would have written. Returns the number of pictures. Throws
 * `UsageError` with the errors of `joinParts`.
 */
export function joinReid(
  out: string,
  folders: readonly string[],
  onProgress: (done: number, total: number) => void,
): number {
  const begin = ({ facts }: { readonly facts: readonly Fields[] }) => {
    const [{ work }] = facts.map(factsOf) as [PartFacts];
    expectOwnFolder(out, true);
    beginWhole(out, work);
  };
  const finish = ({ files, facts }: { readonly files: readonly string[]; readonly facts: readonly Fields[] }) => {
    const parts = facts.map(factsOf);
    const labels = parts.flatMap((part) => part.labels);
    const [{ prefix }] = parts as [PartFacts];
    const listed = files.map((file, i): LabelledFile => ({ file: basename(file), label: labels[i] as number }));
    writeList(out, listed, prefix);
  };
  return joinParts(out, folders, COMMAND, onProgress, { begin, finish }).files.length;
}

/** What a part tells of itself for the list: the label of each of its files, and what `beginWhole` and `writeList` take. */
interface PartFacts {
  readonly labels: readonly number[];
  readonly prefix: string;
  readonly work: Work;
}

function factsOf(facts: Fields): PartFacts {
  const { labels, prefix, work } = facts;
  if (!Array.isArray(labels) || typeof prefix !== 'string' || !isObject(work))
    throw new UsageError(`a part is damaged: its facts are ${describe(facts)}; make it again`);
  return { labels, prefix, work: work as Work };
}
