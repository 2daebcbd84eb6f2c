import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';
import { serveFolder } from './static.js';

const ROOT = fileURLToPath(new URL('../../web', import.meta.url));

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
