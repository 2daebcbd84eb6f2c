// Two things of Vite's that the sources use, taught to esbuild: `?raw` imports of shaders and the one `import.meta.glob`, in
// src/kernels/rooms.ts.
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** Shaders as text, without comments and indentation; line breaks stay, so that compile errors keep their lines apart. */
export const wgsl = {
  name: 'wgsl',
  setup(b) {
    b.onResolve({ filter: /\.wgsl\?raw$/ }, ({ path, resolveDir }) => ({
      path: resolve(resolveDir, path.slice(0, -'?raw'.length)),
      namespace: 'wgsl',
    }));
    b.onLoad({ filter: /./, namespace: 'wgsl' }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const lines = text.split('\n').map((l) => l.replace(/\/\/.*$/, '').trim());
      return { contents: lines.filter(Boolean).join('\n'), loader: 'text' };
    });
  },
};

export const rooms = {
  name: 'rooms',
  setup(b) {
    b.onLoad({ filter: /src[\\/]kernels[\\/]rooms\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const entries = await readdir(dirname(path), { withFileTypes: true });
      const names = [];
      for (const e of entries.filter((e) => e.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1)))
        if ((await readdir(join(dirname(path), e.name))).includes('cases.ts')) names.push(e.name);
      const imports = names.map((n, i) => `import * as room${i} from './${n}/cases.js';`).join('\n');
      const table = `{${names.map((n, i) => `'./${n}/cases.ts': room${i}`).join(', ')}}`;
      const contents = `${imports}\n${source.replace(/import\.meta\.glob<[^(]*>\([^)]*\)/, table)}`;
      if (contents.includes('import.meta.glob')) throw new Error(`${path}: its import.meta.glob was not understood`);
      return { contents, loader: 'ts', resolveDir: dirname(path) };
    });
  },
};
