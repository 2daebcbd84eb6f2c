import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';

const ROOT = fileURLToPath(new URL('../web', import.meta.url));

/** Not the root of its server: the app works from any path. */
const PATH = '/some/where/';

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the built app. */
    app: string;
  }
}

/** Serves the built app to all test files. It is built when it is first asked for, and again when tests run again after a change. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const outDir = mkdtempSync(join(tmpdir(), 'pose-gan-web-'));
  let built: Promise<unknown> | undefined;
  const { url, close } = await serveFolder(outDir, PATH, () => {
    built ??= build({ root: ROOT, logLevel: 'warn', build: { outDir, emptyOutDir: true } });
    return built;
  });
  project.provide('app', url);
  project.onTestsRerun(() => {
    built = undefined;
  });
  return async () => {
    await close();
    rmSync(outDir, { recursive: true });
  };
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
};

/**
 * A server of files and nothing else: `folder` lies under `path`, which begins and ends with a slash. `ready` is called and awaited
 * before each answer; its error is answered as text with status 500.
 */
async function serveFolder(
  folder: string,
  path: string,
  ready: () => Promise<unknown>,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server: Server = createServer(async ({ url = '' }, response) => {
    try {
      await ready();
    } catch (error) {
      response.writeHead(500).end(String(error));
      return;
    }
    const asked = decodeURIComponent(url.split('?')[0] ?? '');
    const name = normalize(asked.slice(path.length)) === '.' ? 'index.html' : normalize(asked.slice(path.length));
    try {
      if (!asked.startsWith(path) || name.startsWith('..')) throw new Error('not below the folder');
      const content = await readFile(join(folder, name));
      const type = TYPES[extname(name)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'content-length': content.length });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
