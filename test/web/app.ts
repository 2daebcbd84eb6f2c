import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { build } from 'vite';
import { launchChromium } from '../browser/chromium.js';
import { serveFolder } from './static.js';

const ROOT = fileURLToPath(new URL('../../web', import.meta.url));

/** Not the root of its server: the app works from any path. */
const PATH = '/some/where/';

/** The built app on a plain local server. */
export interface App {
  readonly url: string;
  /** A page of the app in a context of its own, and what was complained about on its console; `prepare` runs before it opens. */
  page(
    name: string,
    options?: BrowserContextOptions,
    prepare?: (page: Page) => Promise<unknown>,
  ): Promise<{ page: Page; complaints: string[] }>;
  close(): Promise<void>;
}

/** Builds the app, serves it, and starts a Chromium to look at it. */
export async function openApp(): Promise<App> {
  const outDir = mkdtempSync(join(tmpdir(), 'pose-gan-web-'));
  let server: Awaited<ReturnType<typeof serveFolder>> | undefined;
  try {
    await build({ root: ROOT, logLevel: 'warn', build: { outDir, emptyOutDir: true } });
    server = await serveFolder(outDir, PATH);
    const { url } = server;
    const browser = await launchChromium();
    const running = server;
    return {
      url,
      page: async (name, options, prepare) => {
        const context = await browser.newContext({
          locale: 'en-US',
          viewport: { width: 1280, height: 900 },
          ...options,
        });
        const page = await context.newPage();
        const complaints: string[] = [];
        page.on('console', (m) => {
          if (m.type() === 'error' || m.type() === 'warning') complaints.push(m.text());
        });
        page.on('pageerror', (error) => complaints.push(error.message));
        await prepare?.(page);
        await page.goto(`${url}#${name}`);
        return { page, complaints };
      },
      close: async () => {
        await browser.close();
        await running.close();
        rmSync(outDir, { recursive: true });
      },
    };
  } catch (error) {
    await server?.close();
    rmSync(outDir, { recursive: true, force: true });
    throw error;
  }
}
