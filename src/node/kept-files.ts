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
 * can write, and each of them is compared with its recorded SHA-256 every time before it is used.
 */
export interface KeptFiles {
  /** Name of the folder; another version of the files has another name. */
  readonly name: string;
  /** The SHA-256 of each file, in hexadecimal, by its path in the folder. */
  readonly hashes: Readonly<Record<string, string>>;
  /** The bytes of the named files. */
  readonly unpack: (names: readonly string[]) => ReadonlyMap<string, Uint8Array>;
}

export interface Kept {
  readonly folder: string;
  /** Why the files are in a temporary folder of this process and not in the cache folder, with the fix. */
  readonly note?: string;
}

/**
 * The folder with the files, each of them whole. It lies in the user's cache folder, or, where that cannot be written or
 * is not the user's alone, in a new temporary folder that is removed when the process ends. Absent and damaged files are
 * written again. `user` is the numeric id of the user who runs this process.
 */
export function keepFiles(files: KeptFiles, user = process.getuid?.() ?? 0): Kept {
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
    throw new AdapterError(`${note}. Nor can a temporary folder: ${(error as Error).message}`);
  }
}

/**
 * The folder `name` of the cache folder, made where it is absent. Throws unless it is of mode 0700 and this user's, and
 * nobody else can put another in its place.
 */
function cacheSlot(cache: string, name: string, user: number): string {
  makeFolders(cache, 0o700);
  // From here on by the real path, so that no symbolic link can be turned elsewhere after the check.
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
    ? 'no folder'
    : stat.uid !== user
      ? `a folder of user ${stat.uid}`
      : mode !== 0o700 && `of mode ${mode.toString(8).padStart(4, '0')}`;
  if (found) throw new Error(`it must be a folder of this user, of mode 0700, and it is ${found}; remove it`);
  return folder;
}

/** Throws when somebody else than this user and root could put another folder in the place of `path` or of one above it. */
function expectGuarded(path: string, user: number): void {
  for (let at = path; ; at = dirname(at)) {
    const { uid, mode } = lstatSync(at);
    if (uid !== user && uid !== 0) throw new Error(`${at} belongs to user ${uid}`);
    // In a folder with the sticky bit, such as /tmp, users can rename and remove their own entries alone.
    if (mode & 0o022 && !(mode & 0o1000)) throw new Error(`other users can write ${at}`);
    if (at === dirname(at)) return;
  }
}

/** Temporary folders of this process, by the name of what is in them. */
const temporary = new Map<string, string>();

function temporaryFolder(name: string, user: number): string {
  let folder = temporary.get(name);
  if (folder === undefined) {
    const base = realpathSync(tmpdir());
    expectGuarded(base, user);
    // A random name, mode 0700, and an error where it exists: nobody else can have made it.
    const fresh = mkdtempSync(join(base, 'webgpu-pose-gan-'));
    process.once('exit', () => rmSync(fresh, { recursive: true, force: true }));
    temporary.set(name, fresh);
    folder = fresh;
  }
  return folder;
}

/** Writes what is absent or damaged, and returns the folder. */
function complete(folder: string, { hashes, unpack }: KeptFiles, user: number): string {
  const wanting = Object.keys(hashes).filter((name) => !intact(join(folder, name), hashes[name] as string, user));
  if (!wanting.length) return folder;
  const contents = unpack(wanting);
  for (const name of wanting) {
    const content = contents.get(name);
    if (!content || createHash('sha256').update(content).digest('hex') !== hashes[name])
      throw new Error(
        `${name} is ${content ? 'damaged' : 'absent'} in the package that it is unpacked from; reinstall that`,
      );
    // Each file appears whole under its name, so that several processes can do this at once.
    writeFileAtomic(join(folder, name), content, { mode: 0o700, followLink: false });
  }
  return folder;
}

/** Whether a file is there, is this user's, and has the recorded SHA-256. */
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
