import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AdapterError } from '../gpu/errors.js';
import { makeFolders, writeFileAtomic } from './files.js';
import { cacheFolder } from './folders.js';

/**
 * Files of machine code that this library unpacks and then loads or starts. They are kept in a folder that nobody else
 * can write, and each file is compared with its recorded SHA-256 every time before it is used.
 */
export interface CachedFiles {
  /** The name of the folder, which differs between versions of the files. */
  readonly name: string;
  /** The SHA-256 of each file, in hexadecimal, by its path in the folder. */
  readonly hashes: Readonly<Record<string, string>>;
  /** The bytes of the named files. */
  readonly unpack: (names: readonly string[]) => ReadonlyMap<string, Uint8Array>;
}

export interface CachedFolder {
  readonly folder: string;
  /** Why the files are in a temporary folder of this process and not in the cache folder, and how to fix that. */
  readonly note?: string;
}

/**
 * The folder with the complete files. It is in the user's cache folder. If that cannot be written, or if others can write
 * it, the folder is a new temporary one that is removed when the process ends. Missing and damaged files are written
 * again. `user` is the numeric id of the user who runs this process.
 */
export function cacheFiles(files: CachedFiles, user = process.getuid?.() ?? 0): CachedFolder {
  const cache = cacheFolder();
  let note = 'the user has no home folder; set XDG_CACHE_HOME to a folder that only this user can write';
  if (cache) {
    try {
      return { folder: complete(cacheSlot(cache, files.name, user), files, user) };
    } catch (error) {
      note = `${join(cache, files.name)} cannot be used: ${(error as Error).message}`;
    }
  }
  try {
    return { folder: complete(temporaryFolder(files.name, user), files, user), note };
  } catch (error) {
    throw new AdapterError(`${note}. A temporary folder cannot be used either: ${(error as Error).message}`);
  }
}

/**
 * The folder `name` of the cache folder, which is made if it does not exist. Throws unless it belongs to this user, has
 * the mode 0700, and nobody else can replace it.
 */
function cacheSlot(cache: string, name: string, user: number): string {
  makeFolders(cache, 0o700);
  // The real path is used from here on, so that no symbolic link can be changed after the check.
  const parent = realpathSync(cache);
  expectGuarded(parent, user);
  const folder = join(parent, name);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stat = lstatSync(folder);
  const mode = stat.mode & 0o777;
  const found = !stat.isDirectory()
    ? 'is not a folder'
    : stat.uid !== user
      ? `is a folder of user ${stat.uid}`
      : mode !== 0o700 && `has the mode ${mode.toString(8).padStart(4, '0')}`;
  if (found) throw new Error(`it must be a folder of this user with the mode 0700, but it ${found}; remove it`);
  return folder;
}

/** Throws if anybody except this user and root could replace `path` or a folder above it. */
function expectGuarded(path: string, user: number): void {
  for (let at = path; ; at = dirname(at)) {
    const { uid, mode } = lstatSync(at);
    if (uid !== user && uid !== 0) throw new Error(`${at} belongs to user ${uid}`);
    // In a folder with the sticky bit, such as /tmp, users can rename and remove only their own entries.
    if (mode & 0o022 && !(mode & 0o1000)) throw new Error(`other users can write ${at}`);
    if (at === dirname(at)) return;
  }
}

/** Temporary folders of this process by the names of their files' folders. */
const temporary = new Map<string, string>();

function removeTemporary(): void {
  for (const folder of temporary.values()) rmSync(folder, { recursive: true, force: true });
}

function temporaryFolder(name: string, user: number): string {
  let folder = temporary.get(name);
  if (folder === undefined) {
    const base = realpathSync(tmpdir());
    expectGuarded(base, user);
    // The name is random, the mode is 0700, and an existing folder is an error, so nobody else can have made it.
    const fresh = mkdtempSync(join(base, 'webgpu-pose-gan-'));
    if (!temporary.size) process.once('exit', removeTemporary);
    temporary.set(name, fresh);
    folder = fresh;
  }
  return folder;
}

/** Writes missing and damaged files, and returns the folder. */
function complete(folder: string, { hashes, unpack }: CachedFiles, user: number): string {
  const missing = Object.keys(hashes).filter((name) => !intact(join(folder, name), hashes[name] as string, user));
  if (!missing.length) return folder;
  const contents = unpack(missing);
  for (const name of missing) {
    const content = contents.get(name);
    if (!content || createHash('sha256').update(content).digest('hex') !== hashes[name])
      throw new Error(
        `${name} is ${content ? 'damaged' : 'missing'} in the package from which it is unpacked; reinstall the package`,
      );
    // Each file is written atomically, so that several processes can do this at once.
    writeFileAtomic(join(folder, name), content, { mode: 0o700, followLink: false });
  }
  return folder;
}

/** Whether a file exists, belongs to this user, and has the recorded SHA-256. */
function intact(path: string, hash: string, user: number): boolean {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.uid !== user || stat.mode & 0o022) return false;
    const digest = createHash('sha256');
    const chunk = new Uint8Array(2 ** 20);
    for (let n = readSync(file, chunk); n > 0; n = readSync(file, chunk)) digest.update(chunk.subarray(0, n));
    return digest.digest('hex') === hash;
  } finally {
    closeSync(file);
  }
}
