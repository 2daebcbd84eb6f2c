import type { BrowserContextOptions, Page } from 'playwright-core';
import { inject } from 'vitest';
import { launchChromium } from '../browser/chromium.js';

/** The built app, and a Chromium to look at it. */
export interface App {
  /** A page of the app in a context of its own, and what was complained about on its console; `prepare` runs before it opens. */
  page(
    name: string,
    options?: BrowserContextOptions,
    prepare?: (page: Page) => Promise<unknown>,
  ): Promise<{ page: Page; complaints: string[] }>;
  close(): Promise<void>;
}

/** Opens a Chromium; `built-app.ts` builds and serves the app. */
export async function openApp(): Promise<App> {
  const url = inject('app');
  const found = await fetch(url);
  if (!found.ok) throw new Error(`the app cannot be built: ${await found.text()}`);
  const browser = await launchChromium();
  return {
    page: async (name, options, prepare) => {
      const context = await browser.newContext({
        locale: 'en-US',
        viewport: { width: 1280, height: 900 },
        ...options,
      });
      const page = await context.newPage();
      // Playwright's own 30 seconds are too few for SwiftShader on a busy machine.
      page.setDefaultTimeout(100_000);
      const complaints: string[] = [];
      page.on('console', (m) => {
        if (m.type() === 'error' || m.type() === 'warning') complaints.push(m.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
      await prepare?.(page);
      await page.goto(`${url}#${name}`);
      return { page, complaints };
    },
    close: () => browser.close(),
  };
}
