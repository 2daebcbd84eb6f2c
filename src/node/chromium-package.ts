import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { AdapterError } from '../gpu/errors.js';
import { type CachedFolder, cacheFiles } from './cached-files.js';
import { ARCHIVES, VERSION } from './chromium-hashes.js';

/** The npm package `@sparticuz/chromium`, which contains a headless Chromium, SwiftShader and a Vulkan loader for Linux x64, compressed. */
const PACKAGE = '@sparticuz/chromium';
/** The command that installs it. */
export const INSTALL = `npm install ${PACKAGE}@${VERSION}`;

/** Why the package cannot be used here, and how to fix that, or `undefined` if it can be used. */
export function packageProblem(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `the npm package ${PACKAGE} is only for Linux x64, but this is ${process.platform} ${process.arch}`;
  const found = packageFolder();
  if (!found) return `the npm package ${PACKAGE} is not installed: ${INSTALL}`;
  // Machine code is loaded only if its hash is known, so another version cannot be used.
  if (found.version !== VERSION)
    return `the npm package ${PACKAGE} has the version ${found.version}, but ${VERSION} is needed: ${INSTALL}`;
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
 * The folder `name` with files of the package, checked (see `cacheFiles`). `wanted` are their names, or `all` for all files of all
 * archives.
 */
export function unpacked(name: string, wanted: readonly string[] | 'all'): CachedFolder {
  const problem = packageProblem();
  if (problem) throw new AdapterError(problem);
  const bin = packageFolder()?.path as string;
  const known = Object.entries(Object.assign({}, ...Object.values(ARCHIVES)) as Record<string, string>);
  return cacheFiles({
    name: `${name}-${VERSION}`,
    hashes: Object.fromEntries(known.filter(([file]) => wanted === 'all' || wanted.includes(file))),
    unpack: (names) => {
      const archives = Object.entries(ARCHIVES).filter(([, files]) => names.some((file) => file in files));
      return new Map(archives.flatMap(([archive]) => [...filesOf(join(bin, archive))]));
    },
  });
}

/** The files of an archive. An archive that is not a tar contains one file, with the archive's name. */
function filesOf(path: string): Map<string, Buffer> {
  const data = brotliDecompressSync(readFileSync(path));
  const name = basename(path);
  return name.endsWith('.tar.br') ? untar(data) : new Map([[basename(name, '.br'), data]]);
}

/** The files of a tar archive by name (ustar: 512-byte headers, name at 0, octal size at 124, type at 156). */
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
