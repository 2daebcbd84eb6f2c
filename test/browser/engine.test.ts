import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from './chromium.js';
import { call, openPage, Session } from './session.js';

let session: Session;
beforeAll(async () => {
  session = await Session.open();
});
afterAll(async () => {
  expect(session.complaints).toEqual([]);
  await session.close();
});

test('the bundle of library, model and rooms contains no Node code', () => {
  const modules = [...session.site.bundle.values()].flatMap((f) => f.modules);
  expect(modules).toContain('src/browser.ts');
  expect(modules).toContain('src/model.ts');
  expect(modules.filter((m) => /^(node:|src\/(node|cli)[/.])/.test(m))).toEqual([]);
  for (const [name, { text }] of session.site.bundle)
    expect(/\bfrom ?["']node:|import\(["']node:|\bBuffer\.|\bprocess\./.exec(text)?.[0], name).toBeUndefined();
});

describe('open', () => {
  test('uses the adapter of the page', async () => {
    const { name, software } = await session.here('adapter');
    expect(name).toMatch(/swiftshader/i);
    expect(software).toBe(true);
    expect(await session.here('convolution')).toBe(1296);
  });

  test('works in a Web Worker', async () => {
    expect(await session.inWorker('adapter')).toEqual(await session.here('adapter'));
    expect(await session.inWorker('convolution')).toBe(1296);
  });

  test('uses a device that the page owns unchanged, and never destroys it', async () => {
    const own = await session.here('ownDevice');
    expect(own).toMatchObject({ y: 1296, lost: false, same: true, uncaptured: 0 });
    expect(own.features).not.toContain('timestamp-query');
    expect((await session.here('adapter')).features).toContain('timestamp-query');
  });

  test('uses the choices of kernels that were stored for this adapter, in a later page and in a worker', async () => {
    expect((await session.here('loadTuning')).variant).toBeUndefined();
    await session.here('saveTuning');
    await session.page.reload();
    const found = await session.here('loadTuning');
    expect(found).toEqual({
      ...{ variant: 'scalar', other: {}, none: true },
      refused: expect.stringMatching(/^UsageError: the tuning given to open was measured on .*leave it out/),
    });
    expect((await session.inWorker('loadTuning')).variant).toBe('scalar');
  });
});

test('gives an engine whose compile names the op whose kernels cannot be fetched', async () => {
  const page = await openPage(session.browser, session.site.url);
  await page.route('**/kernels-*.js', (route) => route.abort());
  await expect(call(page, 'calls', 'convolution', [])).rejects.toThrow(
    /UsageError: the kernels of \w+ cannot be loaded: .*Serve every file of the build and reload the page\./,
  );
});

describe('without WebGPU, open says what to enable', () => {
  const insecure = 'http://somewhere.test/';

  test('in Chromium', async () => {
    const browser = await launchChromium([]);
    try {
      const page = await openPage(browser, session.site.url);
      const error = await call<string>(page, 'calls', 'openError', []);
      expect(error).toMatch(/^AdapterError: this browser has (no WebGPU|WebGPU but no high-performance adapter)/);
      expect(error).toMatch(/--enable-unsafe-webgpu --enable-features=Vulkan.*--use-webgpu-adapter=swiftshader/);
      for (const [userAgent, advice] of [
        ['Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0', /dom\.webgpu\.enabled/],
        ['Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18 Safari/605.1.15', /version 26/],
        ['Lynx/2.9', /Use a recent Chrome, Edge, Firefox or Safari/],
      ] as const) {
        const other = await openPage(browser, session.site.url, { userAgent });
        expect(await call<string>(other, 'calls', 'openError', [])).toMatch(advice);
      }
    } finally {
      await browser.close();
    }
  });

  test('on a page that is not secure', async () => {
    const context = await session.browser.newContext();
    await context.route(`${insecure}**`, async (route) => {
      const path = new URL(route.request().url()).pathname.slice(1);
      await route.fulfill({ response: await context.request.get(session.site.url + path) });
    });
    const page = await context.newPage();
    await page.goto(insecure);
    await page.waitForFunction(() => 'calls' in globalThis);
    expect(await call<string>(page, 'calls', 'openError', [])).toMatch(
      /^AdapterError: WebGPU is only available to secure pages, and http:\/\/somewhere\.test is not secure\. .*https:/,
    );
  });
});
