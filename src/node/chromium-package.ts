import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { AdapterError } from '../gpu/errors.js';

/** The npm package `@sparticuz/chromium`: a headless Chromium, SwiftShader and a Vulkan loader for Linux x64, compressed. */
const PACKAGE = '@sparticuz/chromium';

/** Why nothing of the package can be used here, with the fix; nothing when it can. */
export function packageProblem(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `the npm package ${PACKAGE} is for Linux x64 alone, this is ${process.platform} ${process.arch}`;
  if (!packageFolder()) return `the npm package ${PACKAGE} is not installed: npm install ${PACKAGE}@143`;
  return undefined;
}

function packageFolder(): { path: string; version: string } | undefined {
  try {
    const main = createRequire(import.meta.url).resolve(PACKAGE);
    for (let dir = dirname(main); dir !== dirname(dir); dir = dirname(dir)) {
      if (!existsSync(join(dir, 'bin', 'swiftshader.tar.br'))) continue;
      const { version } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { version: string };
      return { path: join(dir, 'bin'), version };
    }
  } catch {}
  return undefined;
}

/**
 * Files of the package, unpacked once into the user's cache folder (or a temporary one); returns the folder. `files` names those
 * wanted of each archive of the package, all of its files where it is `all`; an archive that is no tar is one file.
 */
export function unpacked(name: string, files: Readonly<Record<string, readonly string[] | 'all'>>): string {
  const found = packageFolder();
  const problem = packageProblem();
  if (problem || !found) throw new AdapterError(problem ?? `${PACKAGE} is not installed`);
  const bases = [process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), tmpdir()];
  const wanted = Object.values(files).flatMap((names) => (names === 'all' ? [] : names));
  const complete = (folder: string) => existsSync(folder) && wanted.every((f) => existsSync(join(folder, f)));
  let failure: unknown;
  for (const base of bases) {
    const folder = join(base, 'webgpu-pose-gan', `${name}-${found.version}`);
    if (complete(folder)) return folder;
    try {
      mkdirSync(dirname(folder), { recursive: true });
      // Into a folder of its own first, then renamed, so that it is whole or absent.
      const fresh = mkdtempSync(`${folder}-`);
      for (const [archive, names] of Object.entries(files)) unpack(join(found.path, archive), fresh, names);
      try {
        renameSync(fresh, folder);
      } catch {
        // Another process was faster, or an older unpacking was cut short.
        if (complete(folder)) rmSync(fresh, { recursive: true });
        else {
          rmSync(folder, { recursive: true, force: true });
          renameSync(fresh, folder);
        }
      }
      return folder;
    } catch (error) {
      failure = error;
    }
  }
  throw new AdapterError(`cannot unpack ${PACKAGE} into ${bases.join(' or ')}: ${(failure as Error).message}`);
}

function unpack(archive: string, folder: string, names: readonly string[] | 'all'): void {
  const data = brotliDecompressSync(readFileSync(archive));
  const [only = ''] = names;
  const files = archive.endsWith('.tar.br') ? untar(data) : new Map([[only, data]]);
  for (const name of names === 'all' ? files.keys() : names) {
    const content = files.get(name);
    if (!content) throw new AdapterError(`${archive} has no ${name}; reinstall ${PACKAGE}`);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content, { mode: 0o755 });
  }
}

/** Regular files of a tar archive by name (ustar: 512-byte headers, name at 0, octal size at 124, type at 156). */
function untar(tar: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= tar.length; ) {
    const text = (from: number, to: number) => tar.toString('latin1', at + from, at + to).replace(/\0.*$/s, '');
    const name = text(0, 100);
    if (!name) break;
    const size = Number.parseInt(text(124, 136), 8);
    if (text(156, 157) !== '5') files.set(name.replace(/^\.\//, ''), tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
