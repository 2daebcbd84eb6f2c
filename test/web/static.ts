import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
};

/**
 * A server of files and nothing else: `folder` lies under `path`, which begins and ends with a slash. `ready` is called and awaited
 * before each answer; its error is answered as text with status 500.
 */
export async function serveFolder(
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
