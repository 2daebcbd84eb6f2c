import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { AdapterError } from '../gpu/errors.js';
import { ARCHIVES, VERSION } from './chromium-hashes.js';
import { type Kept, keepFiles } from './kept-files.js';

/** The npm package `@sparticuz/chromium`: a headless Chromium, SwiftShader and a Vulkan loader for Linux x64, compressed. */
const PACKAGE = '@sparticuz/chromium';
/** The command that installs it. */
export const INSTALL = `npm install ${PACKAGE}@${VERSION}`;

/** Why nothing of the package can be used here, with the fix; nothing when it can. */
export function packageProblem(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `the npm package ${PACKAGE} is for Linux x64 alone, this is ${process.platform} ${process.arch}`;
  const found = packageFolder();
  if (!found) return `the npm package ${PACKAGE} is not installed: ${INSTALL}`;
  // Machine code is loaded only when it is the code that is known here, so another version cannot be.
  if (found.version !== VERSION)
    return `the npm package ${PACKAGE} is of version ${found.version}, and ${VERSION} is known: ${INSTALL}`;
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
 * Files of the package in a folder called `name`, checked (see `keepFiles`). `wanted` are their names, or `all` files of all
 * archives.
 */
export function unpacked(name: string, wanted: readonly string[] | 'all'): Kept {
  const problem = packageProblem();
  if (problem) throw new AdapterError(problem);
  const bin = packageFolder()?.path as string;
  const known = Object.entries(Object.assign({}, ...Object.values(ARCHIVES)) as Record<string, string>);
  return keepFiles({
    name: `${name}-${VERSION}`,
    hashes: Object.fromEntries(known.filter(([file]) => wanted === 'all' || wanted.includes(file))),
    unpack: (names) => {
      const archives = Object.entries(ARCHIVES).filter(([, files]) => names.some((file) => file in files));
      return new Map(archives.flatMap(([archive]) => [...filesOf(join(bin, archive))]));
    },
  });
}

/** The files of an archive; one that is not a tar is one file, named as in the table of hashes. */
function filesOf(path: string): Map<string, Buffer> {
  const data = brotliDecompressSync(readFileSync(path));
  const name = basename(path);
  return name.endsWith('.tar.br') ? untar(data) : new Map([[basename(name, '.br'), data]]);
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
