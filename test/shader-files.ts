import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withImports } from '../src/gpu/imports.js';

/**
 * Returns the files of `shaders/`, as `folder/name` without the extension. Parts in `shared` are included only when
 * asked for.
 */
export function shaderFiles(folder: 'kernels' | 'shared' = 'kernels'): string[] {
  const files = readdirSync('shaders', { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.wgsl'));
  const names = files.map((f) => f.replaceAll('\\', '/').replace(/\.wgsl$/, '')).sort();
  return names.filter((name) => name.startsWith('shared/') === (folder === 'shared'));
}

/** Returns a file of `shaders/` as it is written. */
export const shaderFile = (name: string) => readFileSync(join('shaders', `${name}.wgsl`), 'utf8');

/** Returns the parts in `shaders/shared` by name. */
export const sharedParts = () => new Map(shaderFiles('shared').map((name) => [basename(name), shaderFile(name)]));

/** Returns a shader with the parts that it imports. */
export const shaderText = (name: string) => withImports(name, shaderFile(name), sharedParts());
