// What the sources import besides TypeScript, taught to esbuild and to Vite: shaders, and the one `import.meta.glob`, in
// src/kernels/rooms.ts.
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The library's own reader of WGSL, made for Node once. */
let reader;
async function readerOfWgsl() {
  const contents = "export * from './src/gpu/wgsl.ts'; export * from './src/gpu/imports.ts';";
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    write: false,
    format: 'esm',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

const sharedFolder = join(root, 'shaders/shared');

/** The parts that shaders import by `// #import NAME`, and the paths of their files. */
async function sharedWgsl() {
  const files = (await readdir(sharedFolder)).filter((f) => f.endsWith('.wgsl')).sort();
  const paths = files.map((f) => join(sharedFolder, f));
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return { paths, parts: new Map(files.map((f, i) => [f.slice(0, -'.wgsl'.length), texts[i]])) };
}

/** A shader as a module: its interface, read here, packed for `src/gpu/packed.ts`, and its code with the parts it imports. */
async function shaderModule(path, { parts }, edit = (code) => code) {
  reader ??= readerOfWgsl();
  const { readWgsl, withImports } = await reader;
  const text = await readFile(path, 'utf8');
  // The interface is read from a text whose lines are those of the file, for errors.
  const source = readWgsl(path, withImports(path, text, parts, { oneLine: true }));
  const bindings = [...source.bindings].sort((a, b) => a.index - b.index);
  if (bindings.some((b, i) => b.index !== i)) throw new Error(`${path}: number the bindings 0, 1, … without a gap`);
  if (source.params.some((p, i) => p.offset !== 4 * i) || source.paramBytes !== 4 * source.params.length)
    throw new Error(`${path}: the fields of Params must be u32, i32 or f32`);
  if (source.overrides.some((o) => o.id !== undefined))
    throw new Error(`${path}: give overrides names alone, without @id`);
  const types = (list, usual) => list.map(({ name, type }) => (type === usual ? name : `${name} ${type}`)).join();
  const texts = [
    types(bindings, 'read-only-storage'),
    types(source.params, 'u32'),
    source.overrides.map((o) => o.name).join(),
    source.enables.join(),
  ];
  while (texts.at(-1) === '') texts.pop();
  const code = edit(withImports(path, text, parts));
  const args = [code, source.entryPoint, ...texts].map((text) => JSON.stringify(text)).join(',');
  const from = relative(dirname(path), join(root, 'src/gpu/packed.ts')).split(sep).join('/');
  return `import { packed } from '${from}';\nexport default /* @__PURE__ */ packed(${args});`;
}

/** Takes out comments and indentation; line breaks stay, so that compile errors keep their lines apart. */
function stripped(code) {
  const lines = code.split('\n').map((l) => l.replace(/\/\/.*$/, '').trim());
  return lines.filter(Boolean).join('\n');
}

export const wgsl = {
  name: 'wgsl',
  setup(b) {
    b.onLoad({ filter: /\.wgsl$/ }, async ({ path }) => {
      const shared = await sharedWgsl();
      return {
        contents: await shaderModule(path, shared, stripped),
        loader: 'js',
        watchFiles: [path, ...shared.paths],
      };
    });
  },
};

/** For Vite; the page shows shaders as they were written. */
export const viteWgsl = {
  name: 'wgsl',
  async load(id) {
    if (!id.endsWith('.wgsl')) return undefined;
    const shared = await sharedWgsl();
    for (const path of shared.paths) this.addWatchFile(path);
    return { code: await shaderModule(id, shared), moduleType: 'js' };
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

/**
 * Makes modules that are imported when they are needed import the whole engine, which is loaded by then. Otherwise a bundler puts
 * every group of modules that the engine shares with some of them into a file of its own, and a page loads 18 files at once, with a
 * sixth more bytes.
 */
export const engineFirst = (modules) => ({
  name: 'engineFirst',
  setup(b) {
    // An import that takes nothing is kept only if modules may have side effects.
    b.onResolve({ filter: /^\.{1,2}\// }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === 'asked') return undefined;
      return { ...(await b.resolve(path, { kind, resolveDir, pluginData: 'asked' })), sideEffects: true };
    });
    b.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (!modules.has(path)) return undefined;
      const engine = relative(dirname(path), join(root, 'src/index.ts')).split(sep).join('/');
      const contents = `${await readFile(path, 'utf8')}\nimport '${engine}';`;
      return { contents, loader: 'ts', resolveDir: dirname(path) };
    });
  },
});
