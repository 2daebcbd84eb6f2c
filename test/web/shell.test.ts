import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type App, openApp } from './app.js';

let app: App;
beforeAll(async () => {
  app = await openApp();
}, 300_000);
afterAll(async () => {
  await app?.close();
});

describe('without an adapter the page says what to enable', () => {
  const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0';
  const SAFARI = 'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15';
  const CHROME_IOS =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 ' +
    'Mobile/15E148 Safari/604.1';
  const noGpu = (page: Page) =>
    page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined, writable: true }));

  test.each([
    [
      'Chromium',
      undefined,
      'In Chrome, Edge and other Chromium browsers',
      /Linux with another GPU, start the browser with --enable-unsafe-webgpu .*Vulkan/,
    ],
    ['Firefox', FIREFOX, 'In Firefox', /Linux.* Nightly.*dom\.webgpu\.enabled.*about:config/],
    ['Safari', SAFARI, 'In Safari, and all browsers on iPhone and iPad', /Safari 26/],
    ['Chrome on an iPhone', CHROME_IOS, 'In Safari, and all browsers on iPhone and iPad', /iOS.* 18, .*Feature Flags/],
  ] as const)('%s', async (_, userAgent, heading, advice) => {
    const { page, complaints } = await app.page('pose', userAgent ? { userAgent } : {}, noGpu);
    await page.getByRole('heading', { name: 'No GPU for this page' }).waitFor();
    expect(await page.locator('main').textContent()).toContain('This browser has no WebGPU, or it is switched off.');
    expect(await page.locator('main h2').textContent()).toBe(heading);
    expect(await page.locator('main section > ul').textContent()).toMatch(advice);
    expect(page.workers()).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('in a browser without one, until it has one', async () => {
    const { page } = await app.page('kernels', {}, (p) =>
      p.addInitScript(() => {
        const request = GPU.prototype.requestAdapter;
        let answers = 0;
        GPU.prototype.requestAdapter = function (...args) {
          return answers++ ? request.apply(this, args) : Promise.resolve(null);
        };
      }),
    );
    const again = page.getByRole('button', { name: 'Look again' });
    await again.waitFor();
    expect(await page.locator('main').textContent()).toContain('it offers no GPU to this page');
    await again.click();
    await page.locator('.page.kernels h1, .page.kernels h2').first().waitFor();
    expect(await again.count()).toBe(0);
    expect(await page.locator('#adapter').textContent()).toMatch(/swiftshader on the CPU$/i);
    await page.context().close();
  });
});

test('pages have addresses and titles, and the first link skips to the content', async () => {
  const { page, complaints } = await app.page('kernels');
  await expect.poll(() => page.title()).toBe('Kernels · Pose GAN');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the page’s content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
  expect(new URL(page.url()).hash).toBe('#kernels');
  await page.getByRole('link', { name: 'Train' }).click();
  await expect.poll(() => page.title()).toBe('Train · Pose GAN');
  expect(await page.locator('nav [aria-current="page"]').textContent()).toBe('Train');
  await page.goBack();
  await expect.poll(() => page.locator('nav [aria-current="page"]').textContent()).toBe('Kernels');
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a page looks the same whatever was opened before, because no stylesheet affects another page', async () => {
  const { page } = await app.page('train');
  const ready = { Train: '#start', Kernels: '.contract h2', Pose: '#generated' };
  /** Returns how many rules of each page's stylesheet match an element of the current page. */
  const matches = () =>
    page.evaluate(() => {
      const flat = (rules: CSSRuleList): string[] =>
        [...rules].flatMap((rule) =>
          rule instanceof CSSStyleRule ? rule.selectorText : rule instanceof CSSMediaRule ? flat(rule.cssRules) : [],
        );
      const main = document.querySelector('main');
      return [...document.styleSheets]
        .filter(({ href }) => href && !/\/index-[^/]*$/.test(href))
        .map(({ cssRules }) => flat(cssRules).filter((selector) => main?.querySelector(selector)).length);
    });
  const seen: number[][] = [];
  for (const name of ['Train', 'Kernels', 'Pose', 'Train', 'Kernels'] as const) {
    await page.getByRole('link', { name }).click();
    await page.locator(ready[name]).waitFor({ state: 'attached' });
    seen.push(await matches());
  }
  // Stylesheets are in the order in which the pages were opened.
  for (const [i, own] of [
    [2, 2],
    [3, 0],
    [4, 1],
  ] as const) {
    expect(seen[i]).toHaveLength(3);
    expect(seen[i]?.map((n) => n > 0)).toEqual([0, 1, 2].map((sheet) => sheet === own));
  }
  await page.context().close();
});

test('the theme is that of the system until the user chooses one, which is stored', async () => {
  const { page } = await app.page('kernels', { colorScheme: 'dark' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.getByRole('button', { name: 'Change to the light theme' }).click();
  const light = await ground();
  expect(light).not.toBe(dark);
  await page.reload();
  expect(await ground()).toBe(light);
  await page.getByRole('button', { name: 'Change to the dark theme' }).click();
  expect(await ground()).toBe(dark);
  await page.context().close();
});

test('plots are drawn in the colours of the theme, even if Intl does not know the language of the browser', async () => {
  const { page, complaints } = await app.page('train', { colorScheme: 'light' }, (p) =>
    p.addInitScript(() => {
      for (const [name, value] of Object.entries({ language: 'en-US@posix', languages: ['en-US@posix'] }))
        Object.defineProperty(Navigator.prototype, name, { get: () => value });
    }),
  );
  const canvas = page.locator('.plot canvas').first();
  await canvas.waitFor();
  /** Returns whether the plot has pixels of a variable's colour, and that colour. */
  const drawn = (variable: string) =>
    canvas.evaluate((plot, name) => {
      const copy = new OffscreenCanvas(1, 1).getContext('2d');
      const { width, height } = plot as HTMLCanvasElement;
      const pixels = (plot as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
      if (!copy) throw new Error('there is no canvas');
      const probe = document.body.appendChild(document.createElement('i'));
      probe.style.color = `var(${name})`;
      copy.fillStyle = getComputedStyle(probe).color;
      probe.remove();
      copy.fillRect(0, 0, 1, 1);
      const [r, g, b] = copy.getImageData(0, 0, 1, 1).data;
      let count = 0;
      for (let i = 0; i < pixels.length; i += 4)
        if (pixels[i] === r && pixels[i + 1] === g && pixels[i + 2] === b && pixels[i + 3] === 255) count++;
      return { colour: [r, g, b].join(), there: count > 100 };
    }, variable);
  expect(await drawn('--line')).toEqual({ colour: '220,224,228', there: true });
  await page.getByRole('button', { name: 'Change to the dark theme' }).click();
  expect(await drawn('--line')).toEqual({ colour: '47,55,63', there: true });
  expect(complaints).toEqual([]);
  await page.context().close();
});

describe('colours have enough contrast (WCAG 2.2 AA)', () => {
  const css = readFileSync(new URL('../../web/src/style.css', import.meta.url), 'utf8');
  const pairs = [...css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)];
  const theme = (i: 2 | 3) => new Map(pairs.map((pair) => [pair[1], pair[i] ?? '']));

  const luminance = (hex: string) => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
      const v = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  test.each([
    ['light', theme(2)],
    ['dark', theme(3)],
  ] as const)('%s', (_, colours) => {
    const contrast = (a: string, b: string) => {
      const [x, y] = [luminance(colours.get(a) ?? ''), luminance(colours.get(b) ?? '')];
      return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    };
    const least = (pairs: readonly (readonly [string, string])[], ratio: number) =>
      expect(pairs.filter(([a, b]) => !(contrast(a, b) >= ratio))).toEqual([]);
    const grounds = ['ground', 'surface', 'sunken'];
    const texts = ['text', 'muted', 'accent', 'good', 'warn', 'bad'];
    least(
      texts.flatMap((t) => grounds.map((g) => [t, g] as const)),
      4.5,
    );
    least(
      [
        ['accent-ink', 'accent'],
        ['text', 'accent-soft'],
        ['text', 'bad-soft'],
      ],
      4.5,
    );
    const shapes = ['edge', 'series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6'];
    least(
      shapes.flatMap((s) => ['ground', 'surface'].map((g) => [s, g] as const)),
      3,
    );
  });
});
