import { constants } from 'node:os';
import { join } from 'node:path';
import { AdapterError } from '../gpu/errors.js';
import { unpacked } from './chromium-package.js';
import type { Kept } from './kept-files.js';

/**
 * The embedded software adapter: SwiftShader and a Vulkan loader, as shipped inside the npm package `@sparticuz/chromium`
 * (Linux x64). They are unpacked into the user's cache folder and checked before every use.
 */
const FILES = ['libvulkan.so.1', 'libvk_swiftshader.so', 'vk_swiftshader_icd.json'];
/** glibc's RTLD_NODELETE, which Node does not name: the library stays loaded though it is not a Node module. */
const RTLD_NODELETE = 0x1000;

/** Where the adapter's files lie; unpacks them where needed. */
export const embeddedFiles = (): Kept => unpacked('swiftshader', FILES);

/** Why the embedded adapter cannot be used here, with the fix; nothing when it can. */
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

/** Loads a library that is not a Node module; returns the complaint that Node makes in any case. */
function dlopen(path: string): string {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
