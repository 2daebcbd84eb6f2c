// What a page downloads of the library, bundled and minified by esbuild as the page's own build would, gzipped; fails above the
// limits. Kernels, fusing and timing are imported when they are needed, and counted apart from what is loaded at once.
import { dirname, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { wgsl } from './plugins.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Most bytes of the library, of the library with the generator, and of all that a page downloads to generate a picture. */
const LIMITS = { library: 32_000, generator: 45_000, picture: 70_000 };

/** Folders of src/kernels whose kernels a generator runs; test/browser/model.test.ts sees that it loads these and no others. */
const GENERATES =
  'conv2d convTranspose2d copy deformableSkip dropout elementwise heatMaps instanceNorm partMasks slice sum'
    .split(' ')
    .map((room) => `src/kernels/${room}/kernels.ts`)
    .concat('src/compiler/fusion.ts', 'src/compiler/textures.ts');

const name = (path) => relative(root, path).split(sep).join('/');
const gzipped = (file) => gzipSync(file.contents, { level: 9 }).length;
const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  write: false,
  metafile: true,
  logLevel: 'warning',
};

/**
 * Leaves imports outside the bundle where `outside(path, kind)` says so, named by their place in the checkout: where that lies must
 * not count.
 */
const leaving = (outside) => ({
  name: 'leaving',
  setup(b) {
    b.onResolve({ filter: /^\.{1,2}\/.*[^w]$/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === 'asked' || kind === 'entry-point') return undefined;
      const found = await b.resolve(path, { kind, resolveDir, pluginData: 'asked' });
      return outside(found.path, kind) ? { path: `./${name(found.path)}`, external: true } : undefined;
    });
  },
});

/** One file of all that a program imports at once, and the modules that it imports when needed. */
async function atOnce(contents) {
  const later = new Set();
  const dynamic = (path, kind) => kind === 'dynamic-import' && Boolean(later.add(path));
  const stdin = { contents, resolveDir: root, loader: 'ts', sourcefile: 'page.ts' };
  const { metafile, outputFiles } = await build({ ...common, stdin, plugins: [wgsl, leaving(dynamic)] });
  const [out] = Object.values(metafile.outputs);
  const parts = Object.entries(out.inputs).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
  return { bytes: gzipped(outputFiles[0]), parts, later: [...later].sort() };
}

/** What importing these modules adds to a page that has the modules `there`. */
async function whenNeeded(modules, there) {
  const known = new Set(there.parts.map(([path]) => path));
  const { outputFiles } = await build({
    ...common,
    entryPoints: modules,
    outdir: 'out',
    splitting: true,
    plugins: [wgsl, leaving((path) => known.has(name(path)))],
  });
  return outputFiles.reduce((sum, f) => sum + gzipped(f), 0);
}

function print(rows) {
  for (const [what, bytes, limit] of rows) {
    const bound = limit ? `  of at most ${(limit / 1000).toFixed(0)} KB` : '';
    console.log(`${what.padEnd(40)}${(bytes / 1000).toFixed(1).padStart(6)} KB${bound}`);
  }
}

const library = await atOnce("export * from './src/browser.ts'");
const GENERATOR = `{ frameOf, fromCheckpoint, Generator, generateList, generatorParameters } from './src/model.ts'`;
const both = await atOnce(`export * from './src/browser.ts'; export ${GENERATOR}`);
const page = await atOnce(`export { open } from './src/browser.ts'; export ${GENERATOR}`);
const generates = page.later.filter((path) => GENERATES.includes(name(path)));
const kernels = await whenNeeded(generates, page);

const rows = [
  ['library, at once', library.bytes, LIMITS.library],
  ['library, all that it can import later', await whenNeeded(library.later, library)],
  ['library and generator, at once', both.bytes, LIMITS.generator],
  ['page that only generates, at once', page.bytes],
  ['page that only generates, kernels', kernels],
  ['page that only generates, in all', page.bytes + kernels, LIMITS.picture],
];
if (process.argv.includes('--json')) {
  const sizes = rows.map(([what, bytes, limit]) => ({ what, bytes, limit }));
  console.log(JSON.stringify({ sizes, generates: generates.map(name), parts: library.parts }));
} else print(rows);
const over = rows.filter(([, bytes, limit]) => bytes > limit);
for (const [what, bytes, limit] of over)
  console.error(`${what}: ${bytes} bytes are more than ${limit}; --json lists the modules`);
process.exitCode = over.length ? 1 : 0;
