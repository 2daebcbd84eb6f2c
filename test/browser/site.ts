import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { rooms, wgsl } from '../../scripts/plugins.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Site {
  readonly url: string;
  /** The files of the bundle by name, and the source modules in each. */
  readonly bundle: ReadonlyMap<string, { readonly text: string; readonly modules: readonly string[] }>;
  /** Other files to serve, by path. */
  readonly files: Map<string, Uint8Array>;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = { html: 'text/html; charset=utf-8', js: 'text/javascript' };
const typeOf = (path: string) => TYPES[/\w+$/.exec(path)?.[0] ?? ''] ?? 'application/octet-stream';

/**
 * Bundles the page of the tests and serves it on a free port of this machine, with the reference files under /fixtures.
 */
export async function serveTestPage(): Promise<Site> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['main', 'worker'].map((name) => `test/browser/${name}.ts`),
    outdir: 'out',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    write: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [wgsl, rooms],
  });
  const bundle = new Map(
    outputFiles.map(({ path, text }) => {
      const output = metafile.outputs[relative(root, path)];
      return [basename(path), { text, modules: Object.keys(output?.inputs ?? {}) }];
    }),
  );
  const files = new Map<string, Uint8Array>();
  const page =
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="main.js"></script>';
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    const script = bundle.get(path.slice(1));
    const fixture = /^\/fixtures\/([\w.-]+)$/.exec(path)?.[1];
    const send = (type: string, body: string | Uint8Array) =>
      response.writeHead(200, { 'content-type': type }).end(body);
    const file = files.get(path);
    if (path === '/') send('text/html', page);
    else if (script) send('text/javascript', script.text);
    else if (file) send(typeOf(path), file);
    else if (fixture) send('application/octet-stream', readFileSync(join(root, 'test/fixtures', fixture)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, bundle, files, close };
}
