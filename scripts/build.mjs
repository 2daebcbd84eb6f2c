// Bundles the entries to dist/.
import { chmod, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { rooms, wgsl } from './plugins.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

await rm(join(root, 'dist'), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    index: 'src/index.ts',
    node: 'src/node.ts',
    browser: 'src/browser.ts',
    model: 'src/model.ts',
    cli: 'src/cli/main.ts',
    bench: 'bench/main.ts',
    'decode-worker': 'src/node/decode-worker.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  external: ['node:*', 'webgpu'],
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
  plugins: [wgsl, rooms],
});
await chmod(join(root, 'dist/cli.js'), 0o755);
