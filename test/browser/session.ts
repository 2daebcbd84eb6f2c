import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Calls as Checks } from './checks.js';
import { launchChromium } from './chromium.js';
import type { Calls } from './page.js';
import { type Site, serveTestPage } from './site.js';

type Table = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Calls a function of a table by name and returns its result as plain values. */
type Call<T extends Table> = <K extends keyof T & string>(
  name: K,
  ...args: Parameters<T[K]>
) => Promise<Awaited<ReturnType<T[K]>>>;

/** A browser in which the page of the tests is open. */
export class Session {
  private constructor(
    readonly browser: Browser,
    readonly site: Site,
    readonly page: Page,
    /** The warnings and errors that the page wrote to its console, and errors that it did not catch. */
    readonly complaints: readonly string[],
  ) {}

  static async open(): Promise<Session> {
    const site = await serveTestPage();
    const browser = await launchChromium().catch(async (error) => {
      await site.close();
      throw error;
    });
    const complaints: string[] = [];
    return new Session(browser, site, await openPage(browser, site.url, {}, complaints), complaints);
  }

  readonly here: Call<Calls> = (name, ...args) => call(this.page, 'calls', name, args);
  readonly inWorker: Call<Calls> = (name, ...args) => call(this.page, 'worker', name, args);
  readonly check: Call<Checks> = (name, ...args) => call(this.page, 'checks', name, args);

  async close(): Promise<void> {
    await this.browser.close();
    await this.site.close();
  }
}

/** Opens the page of the tests in a browser context of its own. Its warnings and errors are added to `complaints`. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  complaints: string[] = [],
): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  page.on('console', (m) => {
    if (['warning', 'error'].includes(m.type())) complaints.push(m.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.setDefaultTimeout(0);
  await page.goto(url);
  await page.waitForFunction(() => 'calls' in globalThis);
  return page;
}

/** Calls a function of the page without a time limit, which is up to the test. */
export async function call<R>(
  page: Page,
  where: 'calls' | 'worker' | 'checks',
  name: string,
  args: readonly unknown[],
): Promise<R> {
  const run = async ([place, f, values]: readonly [string, string, readonly unknown[]]) => {
    const scope = globalThis as unknown as {
      calls: Record<string, (...a: unknown[]) => unknown>;
      inWorker(f: string, a: readonly unknown[]): Promise<unknown>;
      loadChecks(): Promise<{ calls: Record<string, (...a: unknown[]) => unknown> }>;
    };
    if (place === 'worker') return scope.inWorker(f, values);
    const table = place === 'checks' ? (await scope.loadChecks()).calls : scope.calls;
    return table[f]?.(...values);
  };
  return (await page.evaluate(run, [where, name, args] as const)) as R;
}
