import { join, resolve } from 'node:path';
import { nameProblem } from '../data/file-name.js';
import { describe, type Fields, parseJson } from '../data/json.js';
import { UsageError } from '../gpu/errors.js';
import { digestOf } from './digest.js';
import { isThere, makeFolder, namesIn, readBytes, readTable, removeFile, writeFileAtomic } from './files.js';
import { expectSameWork, type Named, nameOf, type Part, parsePart, partsInOrder } from './parts.js';

/** A part whose results are files in a folder, beside which `part-i-of-n.json` says which they are. */
interface FolderPart extends Part {
  /** The files, each with the digest of its content, in the order of the work; absent while the part is made. */
  readonly files?: readonly (readonly [name: string, digest: string])[];
  /** What else the command wants to know when the parts are joined. */
  readonly facts?: Fields;
}

type Found = Named<FolderPart> & { readonly folder: string };

const recordName = ({ shard }: Part) => `part-${shard.index}-of-${shard.count}.json`;
const RECORD = /^part-\d+-of-\d+\.json$/;

const write = (folder: string, part: FolderPart) =>
  writeFileAtomic(join(folder, recordName(part)), `${JSON.stringify(part)}\n`);

/** What is no list of files with digests, or the first entry in it that is no name of a file with a digest. */
function oddFile(files: unknown): unknown {
  if (!Array.isArray(files)) return files;
  const isFile = (entry: unknown) =>
    Array.isArray(entry) && entry.length === 2 && entry.every((v) => typeof v === 'string');
  return files.find((entry) => !isFile(entry) || nameProblem(entry[0]) !== undefined);
}

/** The parts that a folder holds, complete or not. */
function partsOf(folder: string, command: string): Found[] {
  return namesIn(folder)
    .filter((name) => RECORD.test(name))
    .map((name): Found => {
      const path = join(folder, name);
      const part = parsePart(parseJson(readTable(path, 'part'), path), path, command);
      const odd = part.files === undefined ? undefined : oddFile(part.files);
      if (odd !== undefined) throw new UsageError(`${path} is damaged: its list of files has ${describe(odd)}`);
      return { ...(part as unknown as FolderPart), path, folder };
    });
}

/**
 * Begins or continues a part that will write `files`, which are names in `folder`. The folder can hold other parts of the same work.
 * Throws `UsageError` if it holds parts of other work, or files of this part that may be of other work. With `force`, the files are made
 * again, so that only parts of others matter.
 */
export function beginPart(folder: string, part: Part, files: readonly string[], force: boolean): void {
  const there = isThere(folder) ? partsOf(folder, part.command) : [];
  const own = { ...part, path: `--shard ${nameOf(part.shard)}` };
  for (const other of there) {
    const same = recordName(other) === recordName(part);
    if (!(same && force)) expectSameWork(other, own);
  }
  const begun = there.some((other) => recordName(other) === recordName(part));
  const left = begun || force ? undefined : files.find((file) => isThere(join(folder, file)));
  if (left !== undefined)
    throw new UsageError(
      `${join(folder, left)} is there, but no ${recordName(part)} says of what work it is. ` +
        'Fix: remove it, or give another --out',
    );
  write(folder, part);
}

/** Records that a part is complete, after all its files are written. `facts` are given to `joinParts` again. */
export function completePart(folder: string, part: Part, files: readonly string[], facts: Fields = {}): void {
  const digests = files.map((file) => [file, digestOf(readBytes(join(folder, file)))] as const);
  write(folder, { ...part, facts, files: digests });
}

/** The files of all parts, in the order of the parts, and what each part tells of itself. */
interface Joined {
  readonly files: string[];
  readonly facts: Fields[];
}

/**
 * Joins the parts in some folders, and those in `out` itself if there are any, so that `out` holds what the work writes without
 * `--shard`. Everything is checked before anything is written. Throws `UsageError` if parts are missing, doubled, incomplete or of
 * different work, if a file is missing or damaged, or if `out` holds another file of that name. `begin` can refuse `out` before files are
 * copied to it. `finish` writes what else belongs to the whole; after it, parts in `out` itself are forgotten.
 */
export function joinParts(
  out: string,
  folders: readonly string[],
  command: string,
  onProgress?: (done: number, total: number) => void,
  { begin, finish }: { readonly begin?: (joined: Joined) => void; readonly finish?: (joined: Joined) => void } = {},
): Joined {
  const all = new Map(folders.map((folder) => [resolve(folder), folder]));
  all.delete(resolve(out));
  for (const folder of all.values())
    if (!partsOf(folder, command).length)
      throw new UsageError(
        `${folder} holds no part of pose-gan ${command} (no part-i-of-n.json); name the folder of one`,
      );
  const found = [...(isThere(out) ? [out] : []), ...all.values()].flatMap((folder) => partsOf(folder, command));
  if (!found.length)
    throw new UsageError(
      `${out} holds no part of pose-gan ${command} (no part-i-of-n.json), and no other folder is named. Parts in --out are forgotten when they ` +
        'are joined, so this may have been done. Fix: if not, name the folders of the parts after --merge',
    );
  const parts = partsInOrder(found, command);
  const total = 2 * parts.reduce((n, { files = [] }) => n + files.length, 0);
  let done = 0;
  const step = () => onProgress?.(++done, total);
  const copies = parts.flatMap((part) => checked(part, out, step));
  const joined = { files: copies.map(({ to }) => to), facts: parts.map(({ facts = {} }) => facts) };
  begin?.(joined);
  makeFolder(out);
  for (const { from, to } of copies) {
    if (from !== to) copy(from, to);
    step();
  }
  finish?.(joined);
  for (const part of parts) if (part.folder === out) removeFile(part.path);
  return joined;
}

/** Where the files of a part are and where they belong. Throws `UsageError` unless all of them are there as they were written. */
function checked(
  { path, folder, shard, files, command }: Found,
  out: string,
  step: () => void,
): { from: string; to: string }[] {
  const again = `Fix: run pose-gan ${command} --shard ${nameOf(shard)} --out ${folder}`;
  if (!files) throw new UsageError(`${path} is of a part that is not complete. ${again} to its end`);
  return files.map(([file, digest]) => {
    const [from, to] = [join(folder, file), join(out, file)];
    if (!isThere(from)) throw new UsageError(`${from} of part ${nameOf(shard)} is missing. ${again} again`);
    if (digestOf(readBytes(from)) !== digest)
      throw new UsageError(
        `${from} of part ${nameOf(shard)} is not as it was written. ${again} again after you have removed it`,
      );
    if (from !== to && isThere(to) && digestOf(readBytes(to)) !== digest)
      throw new UsageError(
        `${to} is another file than ${from} of part ${nameOf(shard)}; name an empty folder by --out`,
      );
    step();
    return { from, to };
  });
}

/** Copies a file so that the copy is complete or absent. */
const copy = (from: string, to: string) => writeFileAtomic(to, readBytes(from), { sync: false, followLink: false });
