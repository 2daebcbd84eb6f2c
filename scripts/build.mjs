// Bundles the entries to dist/; with --types, writes their declarations too.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { engineFirst, rooms, wgsl } from './plugins.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** Beside dist/, which it replaces when all of it is there: a build that fails or is interrupted leaves dist/ as it was. */
let fresh;
process.on('exit', () => fresh && rmSync(fresh, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
fresh = mkdtempSync(join(root, '.dist-'));

/** Published files by name, without `.js`, and their sources. */
const entryPoints = {
  index: 'src/index.ts',
  node: 'src/node.ts',
  browser: 'src/browser.ts',
  model: 'src/model.ts',
  cli: 'src/cli/main.ts',
  bench: 'bench/main.ts',
  'decode-worker': 'src/node/decode-worker.ts',
  'score-worker': 'src/node/score-worker.ts',
  'isa-worker': 'src/cli/isa-worker.ts',
};
const options = {
  absWorkingDir: root,
  entryPoints,
  outdir: fresh,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  external: ['node:*', 'webgpu'],
  packages: 'external',
  logLevel: 'warning',
  plugins: [wgsl, rooms],
};
// A module of the engine that is imported only when it is needed becomes a file of the same name, so that one can see what a page loads.
const { metafile } = await build({ ...options, metafile: true, write: false, logLevel: 'silent' });
const neededLater = new Set();
for (const { entryPoint } of Object.values(metafile.outputs)) {
  const [, name] = /^src\/((?:gpu|compiler|kernels|software)\/.*)\.ts$/.exec(entryPoint) ?? [];
  if (!name) continue;
  entryPoints[name] = entryPoint;
  neededLater.add(join(root, entryPoint));
}
await build({ ...options, plugins: [wgsl, rooms, engineFirst(neededLater)], sourcemap: true });
if (process.argv.includes('--types')) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const args = [tsc, '-b', 'tsconfig.node.json', 'tsconfig.page.json'];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  for (const part of ['core', 'node', 'page']) copyDeclarations(join(root, 'build', 'types', part, 'src'));
}
chmodSync(fresh, 0o755);
chmodSync(join(fresh, 'cli.js'), 0o755);
replace(dist, fresh);

/** Copies the declarations that one project of TypeScript wrote, except those of sources that were removed since. */
function copyDeclarations(folder) {
  const source = (path) => join(root, 'src', relative(folder, path).replace(/\.d\.ts$/, '.ts'));
  cpSync(folder, join(fresh, 'types', 'src'), { recursive: true, filter: (path) => existsSync(source(path)) });
}

/** Puts one folder in the place of another, which may be absent, or put there by a second build in between. */
function replace(folder, by) {
  const old = `${by}-old`;
  for (let attempt = 1; ; attempt++) {
    try {
      if (existsSync(folder)) renameSync(folder, old);
      renameSync(by, folder);
      break;
    } catch (error) {
      if (attempt === 10) throw error;
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}
