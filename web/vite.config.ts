import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { viteWgsl } from '../scripts/plugins.mjs';

const here = dirname(fileURLToPath(import.meta.url));

export default defineConfig({
  root: here,
  // All addresses are relative, so that the built folder works at any address.
  base: './',
  build: {
    ...{ outDir: resolve(here, '../build/web'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
    // The times of plugins are not worth a warning.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [viteWgsl],
  worker: { format: 'es', plugins: () => [viteWgsl], rolldownOptions: { checks: { pluginTimings: false } } },
  // The library is next to this folder.
  server: { fs: { allow: [resolve(here, '..')] } },
});
