import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { AdapterError } from '../gpu/errors.js';

/**
 * The embedded software adapter: SwiftShader and a Vulkan loader, as shipped inside the npm package `@sparticuz/chromium`
 * (Linux x64). They are unpacked once into the user's cache folder.
 */
const PACKAGE = '@sparticuz/chromium';
const FILES = ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json'];
/** glibc's RTLD_NODELETE, which Node does not name: the library stays loaded though it is no Node module. */
const RTLD_NODELETE = 0x1000;

/** Why the embedded adapter cannot be used here, with the fix; nothing when it can. */
export function embeddedProblem(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `the embedded software adapter exists for Linux x64 alone, this is ${process.platform} ${process.arch}`;
  if (!archive()) return `the npm package ${PACKAGE} is not installed: npm install ${PACKAGE}@143`;
  return undefined;
}

/** The package's SwiftShader archive, when it is installed. */
function archive(): { path: string; version: string } | undefined {
  try {
    const main = createRequire(import.meta.url).resolve(PACKAGE);
    for (let dir = dirname(main); dir !== dirname(dir); dir = dirname(dir)) {
      const path = join(dir, 'bin', 'swiftshader.tar.br');
      if (!existsSync(path)) continue;
      const { version } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { version: string };
      return { path, version };
    }
  } catch {}
  return undefined;
}

/** Unpacks the adapter where needed, loads its Vulkan loader into this process and returns the driver's manifest. */
export function loadEmbedded(): string {
  const problem = embeddedProblem();
  const found = archive();
  if (problem || !found) throw new AdapterError(problem ?? `${PACKAGE} is not installed`);
  const folder = unpack(found.path, found.version);
  // Dawn asks the dynamic linker for "libvulkan.so.1"; a library of that name that is loaded already is the answer.
  if (!systemLoader()) dlopen(join(folder, 'libvulkan.so.1'));
  return join(folder, 'vk_swiftshader_icd.json');
}

let ownLoader: boolean | undefined;

/** Whether the system has a Vulkan loader of its own; asked once, since the embedded one answers to the same name later. */
export function systemLoader(): boolean {
  ownLoader ??=
    process.platform !== 'linux' || !/cannot open shared object|no such file/i.test(dlopen('libvulkan.so.1'));
  return ownLoader;
}

/** Loads a library that is no Node module; returns the complaint that Node makes in any case. */
function dlopen(path: string): string {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Unpacks into the cache folder (or a temporary one): into a folder of its own first, then renamed, so that it is whole or absent. */
function unpack(path: string, version: string): string {
  const bases = [process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), tmpdir()];
  let failure: unknown;
  for (const base of bases) {
    const folder = join(base, 'webgpu-pose-gan', `swiftshader-${version}`);
    if (FILES.every((f) => existsSync(join(folder, f)))) return folder;
    try {
      mkdirSync(dirname(folder), { recursive: true });
      const fresh = mkdtempSync(`${folder}-`);
      const files = untar(brotliDecompressSync(readFileSync(path)));
      for (const name of FILES) {
        const data = files.get(name);
        if (!data) throw new AdapterError(`${path} has no ${name}; reinstall ${PACKAGE}`);
        writeFileSync(join(fresh, name), data, { mode: 0o755 });
      }
      try {
        renameSync(fresh, folder);
      } catch {
        // Another process was faster, or an older unpacking was cut short.
        if (FILES.every((f) => existsSync(join(folder, f)))) rmSync(fresh, { recursive: true });
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
  throw new AdapterError(
    `cannot unpack the embedded adapter into ${bases.join(' or ')}: ${(failure as Error).message}`,
  );
}

/** Regular files of a tar archive by name (ustar: 512-byte headers, name at 0, octal size at 124). */
function untar(tar: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= tar.length; ) {
    const text = (from: number, to: number) => tar.toString('latin1', at + from, at + to).replace(/\0.*$/s, '');
    const name = text(0, 100);
    if (!name) break;
    const size = Number.parseInt(text(124, 136), 8);
    files.set(name.replace(/^\.\//, ''), tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
