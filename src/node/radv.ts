import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import { RADV_SHIM } from './radv-shim.js';

/** The machine on which the parts are looked for. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const INSTALL =
  'Install Mesa 23.0 to 25.0 with its Vulkan drivers. On Debian 12: add bookworm-backports to the apt sources, apt-get update, and ' +
  'apt-get install -t bookworm-backports mesa-vulkan-drivers libvulkan1; a container of Debian 12 does that on any Linux';
const INSTALL_CC = 'On Debian and Ubuntu: apt-get install gcc libc6-dev';
/** The variable by which RADV is told to be a GPU that the machine does not have. Mesa 25.1 has removed it. */
const SWITCH = 'RADV_FORCE_FAMILY';
/** How long the small C library may take to compile. */
const CC_MS = 60_000;

/** Where the Vulkan loader looks for the manifests of drivers. */
function manifestFolders({ env }: Host): string[] {
  const bases = ['/etc', '/usr/local/etc', ...(env.XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':')];
  return bases.filter((b) => isAbsolute(b)).map((b) => join(b, 'vulkan', 'icd.d'));
}

/** The manifest of Mesa's RADV: one that the Vulkan loader was told of, or one in its folders. */
function manifestOf(host: Host): string | undefined {
  const named = (host.env.VK_DRIVER_FILES || host.env.VK_ICD_FILENAMES || '').split(':');
  const found = manifestFolders(host).flatMap((folder) => {
    try {
      return readdirSync(folder).map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
  const isRadv = (path: string) => /(?:^|\/)radeon_icd[^/]*\.json$/.test(path) && existsSync(path);
  const ours = [...named, ...found].filter(isRadv);
  return ours.find((path) => !/\.(?:i[3-6]86|armv7l)\.json$/.test(path)) ?? ours[0];
}

/** The driver's library that a manifest names, if it can be read. */
function libraryOf(manifest: string): Buffer | undefined {
  try {
    const { ICD } = JSON.parse(readFileSync(manifest, 'utf8')) as { ICD?: { library_path?: string } };
    const name = ICD?.library_path ?? '';
    const folders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/lib'];
    const paths = name.includes('/') ? [resolve(dirname(manifest), name)] : folders.map((f) => join(f, name));
    const path = paths.find((p) => name && existsSync(p));
    return path === undefined ? undefined : readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * The manifest of a RADV that can compile for GPUs that this machine does not have. Throws `UsageError` that says what was
 * found, and what to install. `asked` is what needs it.
 */
export function findRadv(asked: string, host: Host = process): string {
  const { platform, arch } = host;
  if (platform !== 'linux' || arch !== 'x64')
    throw new UsageError(
      `${asked} needs Mesa's driver RADV on Linux x64, whose compiler it uses; this machine is ${platform} ${arch}. ` +
        'Run it on such a machine, which needs no GPU.',
    );
  const manifest = manifestOf(host);
  if (manifest === undefined)
    throw new UsageError(
      `${asked} needs Mesa's Vulkan driver RADV, whose compiler it uses, but there is no radeon_icd*.json in ${manifestFolders(host).join(', ')}. ${INSTALL}.`,
    );
  const library = libraryOf(manifest);
  if (library && !library.includes(SWITCH)) {
    const [, version] = /Mesa (\d[\w.~+-]*)/.exec(library.toString('latin1')) ?? [];
    throw new UsageError(
      `${asked} needs a RADV that can be told to be another GPU by ${SWITCH}, which Mesa 25.1 and later cannot; ` +
        `${manifest} belongs to Mesa ${version ?? 'of an unknown version'}. ${INSTALL}.`,
    );
  }
  return manifest;
}

/** Compiles the C library that RADV needs without hardware (`radv-shim.ts`) in a folder. Throws `UsageError` without a compiler. */
export function buildShim(asked: string, folder: string, cc = 'cc'): string {
  const [source, library] = [join(folder, 'shim.c'), join(folder, 'shim.so')];
  writeFileSync(source, RADV_SHIM);
  const args = ['-O1', '-shared', '-fPIC', '-o', library, source, '-ldl'];
  const { error, status, stderr } = spawnSync(cc, args, { encoding: 'utf8', timeout: CC_MS });
  if (error && (error as NodeJS.ErrnoException).code === 'ENOENT')
    throw new UsageError(
      `${asked} needs a C compiler for a library of 50 lines, but there is no ${cc}. ${INSTALL_CC}.`,
    );
  if (error || status !== 0)
    throw new PoseGanError(
      `${asked} needs a C library, which ${cc} does not compile: ${error?.message ?? stderr.trim().split('\n').slice(0, 3).join(' | ')}. ` +
        `Are the headers of the C library installed? ${INSTALL_CC}.`,
    );
  return library;
}

/** The environment of a process in which RADV is a GPU of this name and prints what it compiles. */
export function radvEnvironment(isa: string, manifest: string, shim: string): NodeJS.ProcessEnv {
  const { POSE_GAN_ADAPTER: _, LD_PRELOAD: others, ...env } = process.env;
  return {
    ...env,
    LD_PRELOAD: others ? `${shim}:${others}` : shim,
    VK_DRIVER_FILES: manifest,
    VK_ICD_FILENAMES: manifest,
    [SWITCH]: isa,
    RADV_DEBUG: 'shaders,shaderstats,nocache',
    POSE_GAN_TUNING: 'off',
  };
}
