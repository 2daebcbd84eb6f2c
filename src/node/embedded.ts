import { constants } from 'node:os';
import { join } from 'node:path';
import { AdapterError } from '../gpu/errors.js';
import type { CachedFolder } from './cached-files.js';
import { unpacked } from './chromium-package.js';

/**
 * The files of the embedded software adapter: SwiftShader and a Vulkan loader from the npm package `@sparticuz/chromium`
 * (Linux x64). They are unpacked into the user's cache folder and checked before every use.
 */
const FILES = ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json'];
/** glibc's RTLD_NODELETE, which Node has no name for. It keeps a library loaded that is not a Node module. */
const RTLD_NODELETE = 0x1000;

/** The folder of the adapter's files, which are unpacked if necessary. */
export const embeddedFiles = (): CachedFolder => unpacked('swiftshader', FILES);

/** Why the embedded adapter cannot be used here, and how to fix that, or `undefined` if it can be used. */
export function embeddedProblem(): string | undefined {
  try {
    embeddedFiles();
    return undefined;
  } catch (error) {
    if (error instanceof AdapterError) return error.message;
    throw error;
  }
}

/** Loads the adapter's Vulkan loader into this process and returns the driver's manifest. */
export function loadEmbedded(): string {
  const { folder } = embeddedFiles();
  // Dawn asks the dynamic linker for "libvulkan.so.1", which finds a loaded library of that name.
  if (!systemLoader()) dlopen(join(folder, 'libvulkan.so.1'));
  return join(folder, 'vk_swiftshader_icd.json');
}

let ownLoader: boolean | undefined;

/** Whether the system has its own Vulkan loader. This is determined once, before the embedded one, of the same name, is loaded. */
export function systemLoader(): boolean {
  ownLoader ??=
    process.platform !== 'linux' || !/cannot open shared object|no such file/i.test(dlopen('libvulkan.so.1'));
  return ownLoader;
}

/** Loads a library that is not a Node module, and returns the error message that Node gives in any case. */
function dlopen(path: string): string {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
