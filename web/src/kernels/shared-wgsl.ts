import type { KernelOptions } from '../../../src/bench/user-kernel.js';
import { withImports } from '../../../src/gpu/imports.js';

const FILES = import.meta.glob<string>('../../../shaders/shared/*.wgsl', { query: '?raw', import: 'default' });

/** Inserts the shared functions that a kernel imports with `// #import NAME`, each on the line of its import. */
export async function imported(kernel: KernelOptions): Promise<KernelOptions> {
  if (!kernel.sources.some(({ code }) => code.includes('#import'))) return kernel;
  const parts = Object.entries(FILES).map(
    async ([path, load]): Promise<[string, string]> => [path.replace(/^.*\/|\.wgsl$/g, ''), await load()],
  );
  const shared = new Map(await Promise.all(parts));
  return {
    ...kernel,
    sources: kernel.sources.map((s) => ({ ...s, code: withImports(s.name, s.code, shared, { oneLine: true }) })),
  };
}
