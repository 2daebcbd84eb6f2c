import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { viteWgsl } from '../scripts/plugins.mjs';

const here = dirname(fileURLToPath(import.meta.url));

export default defineConfig({
  root: here,
  // Every address is relative, so that the folder works wherever it is put.
  base: './',
  build: {
    ...{ outDir: resolve(here, '../build/web'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
    // How long a plugin took is no warning.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [viteWgsl],
  worker: { format: 'es', plugins: () => [viteWgsl], rolldownOptions: { checks: { pluginTimings: false } } },
  // The library lies beside this folder.
  server: { fs: { allow: [resolve(here, '..')] } },
});
