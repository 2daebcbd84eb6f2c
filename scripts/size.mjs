// What a page downloads of the package, gzipped. The package is packed, unpacked and found by its name; pages that import it are bundled
// and minified by esbuild. Modules that are imported when they are needed, such as kernels, are counted apart from what is loaded at
// once. Fails above the limits.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { installPacked } from './packed.mjs';

/**
 * The most bytes of the library, of the library with the generator, and of all that a page downloads to generate a picture. A tenth of
 * each was free when it was set.
 */
const LIMITS = { library: 46_000, generator: 60_000, picture: 87_000 };

/**
 * Modules that a generator imports when it runs. test/browser/model.test.ts checks that the README's page loads these
 * and no others.
 */
const GENERATES = [
  'compiler/fusion',
  'kernels/conv2d/kernels',
  'kernels/convTranspose2d/kernels',
  'kernels/copy/kernels',
  'kernels/deformableSkip/kernels',
  'kernels/dropout/noiseKernels',
  'kernels/elementwise/kernels',
  'kernels/heatMaps/kernels',
  'kernels/instanceNorm/kernels',
  'kernels/partMasks/kernels',
  'kernels/slice/kernels',
  'kernels/sum/broadcastKernels',
].map((module) => `src/${module}.ts`);

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'size-')));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const installed = installPacked(folder);
const nameIn = (from, path) => relative(from, path).split(sep).join('/');

/** What a bundler makes of a page with this script. */
async function bundle(contents) {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: folder, sourcefile: 'page.js' },
    absWorkingDir: folder,
    outdir: 'out',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    sourcemap: 'external',
    write: false,
    metafile: true,
    logLevel: 'warning',
  });
  const files = new Map(outputFiles.map((file) => [nameIn(folder, file.path), file]));
  const page = { outputs: metafile.outputs, files };
  const scripts = [...files.keys()].filter((path) => path.endsWith('.js'));
  const entryOf = (path) => metafile.outputs[path].entryPoint;
  page.atOnce = withImports(page, [scripts.find((path) => entryOf(path) === 'page.js')]);
  // The outputs of modules that are imported when needed, by the names of their sources.
  page.later = new Map();
  for (const path of scripts)
    if (entryOf(path) && !page.atOnce.has(path)) {
      const published = nameIn(join(installed, 'dist'), join(folder, entryOf(path)));
      page.later.set(`src/${published.replace(/\.js$/, '.ts')}`, path);
    }
  return page;
}

/** These outputs and all that they import at once. */
function withImports({ outputs }, paths, found = new Set()) {
  for (const path of paths) {
    if (found.has(path)) continue;
    found.add(path);
    const imports = outputs[path].imports.filter(({ kind }) => kind === 'import-statement');
    withImports(
      { outputs },
      imports.map((i) => i.path),
      found,
    );
  }
  return found;
}

const gzipped = ({ files }, paths) =>
  [...paths].reduce((sum, path) => sum + gzipSync(files.get(path).contents, { level: 9 }).length, 0);
const atOnce = (page) => gzipped(page, page.atOnce);

/** What importing modules adds to a page. */
function whenNeeded(page, sources) {
  const missing = sources.filter((source) => !page.later.has(source));
  if (missing.length) throw new Error(`scripts/size.mjs: no page imports ${missing.join(', ')} when needed`);
  const outputs = withImports(
    page,
    sources.map((source) => page.later.get(source)),
  );
  return gzipped(
    page,
    [...outputs].filter((path) => !page.atOnce.has(path)),
  );
}

/** Minified bytes of every source in what a page loads at once, the largest first. */
function parts({ files, atOnce }) {
  const bytes = new Map();
  for (const path of atOnce) {
    const map = new SourceMap(JSON.parse(files.get(`${path}.map`).text));
    for (const [line, text] of files.get(path).text.split('\n').entries())
      for (let column = 0; column < text.length; column++) {
        const { originalSource = 'the bundler' } = map.findEntry(line, column);
        bytes.set(originalSource, (bytes.get(originalSource) ?? 0) + 1);
      }
  }
  const named = [...bytes].map(([source, n]) => [source.replace(/^.*webgpu-pose-gan\//, ''), { bytesInOutput: n }]);
  return named.sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput);
}

function print(rows) {
  for (const [what, bytes, limit] of rows) {
    const bound = limit ? `  of at most ${(limit / 1000).toFixed(0)} KB` : '';
    console.log(`${what.padEnd(40)}${(bytes / 1000).toFixed(1).padStart(6)} KB${bound}`);
  }
}

const LIBRARY = "export * from 'webgpu-pose-gan/browser'";
const GENERATOR =
  "export { frameOf, fromCheckpoint, Generator, generateList, generatorParameters } from 'webgpu-pose-gan/model'";
const [library, both, page] = await Promise.all([
  bundle(LIBRARY),
  bundle(`${LIBRARY}; ${GENERATOR}`),
  bundle(`export { open } from 'webgpu-pose-gan/browser'; ${GENERATOR}`),
]);
const kernels = whenNeeded(page, GENERATES);

const rows = [
  ['library, at once', atOnce(library), LIMITS.library],
  ['library, all that it can import later', whenNeeded(library, [...library.later.keys()])],
  ['library and generator, at once', atOnce(both), LIMITS.generator],
  ['page that only generates, at once', atOnce(page)],
  ['page that only generates, kernels', kernels],
  ['page that only generates, in all', atOnce(page) + kernels, LIMITS.picture],
];
if (process.argv.includes('--json')) {
  const sizes = rows.map(([what, bytes, limit]) => ({ what, bytes, limit }));
  console.log(JSON.stringify({ sizes, generates: GENERATES, parts: parts(library) }));
} else print(rows);
const over = rows.filter(([, bytes, limit]) => bytes > limit);
for (const [what, bytes, limit] of over)
  console.error(`${what}: ${bytes} bytes are more than ${limit}; --json lists the modules`);
process.exitCode = over.length ? 1 : 0;
