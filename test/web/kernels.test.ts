import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { compareBench, parseBench } from '../../src/bench/document.js';
import { type App, openApp } from './app.js';

let app: App;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  app = await openApp();
}, 300_000);

afterAll(async () => {
  await app?.close();
});

beforeEach(async () => {
  ({ page, complaints } = await app.page('kernels'));
  await page.getByRole('tab', { name: 'Benchmark' }).waitFor();
});

afterEach(async () => {
  await page.context().close();
  expect(complaints).toEqual([]);
});

const button = (name: string) => page.getByRole('button', { name, exact: true });
const tab = (name: string) => page.getByRole('tab', { name });
const status = () => page.locator('#status');

/** Waits until nothing runs any more, and returns the line at the foot of the page. */
async function finished(): Promise<string> {
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor({ state: 'hidden' });
  return (await status().textContent()) ?? '';
}

/** Benchmarks one op on its small case. */
async function benchL1(): Promise<void> {
  await button('None').click();
  await page.getByRole('checkbox', { name: 'l1', exact: true }).check();
  await page.getByLabel('Filter').fill('images');
  await page.getByLabel('Samples').fill('2');
  await button('Run').click();
  await button('Stop').waitFor();
}

const column = (n: number) => page.locator(`.bench tbody tr td:nth-child(${n})`).allTextContents();

describe('benchmark', () => {
  test('shows rows of every variant with their marks, sorts them, and compares with a saved benchmark', async () => {
    expect(await page.locator('.count').textContent()).toMatch(/^1 case, up to \d+ kernels$/);
    await benchL1();
    expect(await finished()).toMatch(/^Done: 4 rows in /);
    expect(await column(1)).toEqual(['l1', 'l1', 'l1', 'l1Gradient', 'l1', 'l1']);
    // The last two rows compare the op with its composition, forward and in training.
    const kernels = async (n: number) => (await column(n)).slice(0, 4);
    const variants = (await kernels(3)).map((v) => v.trim());
    expect(variants.filter((v) => v.endsWith('★'))).toHaveLength(2);
    for (const ms of await kernels(4)) expect(Number(ms)).toBeGreaterThan(0);
    for (const error of await kernels(10)) expect(Number.parseFloat(error)).toBeLessThan(1e-6);
    expect(await page.locator('.peaks').textContent()).toMatch(/Measured peaks: [\d.]+ GFLOP\/s.*, [\d.]+ GB\/s/);

    await page.getByRole('columnheader', { name: 'ms' }).getByRole('button').click();
    const times = (await kernels(4)).map(Number);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(await page.locator('th[aria-sort="descending"]').textContent()).toBe('ms');

    const marks = page.locator('.plot .dot');
    expect(await marks.count()).toBe(4);
    expect(await page.locator('.plot .dot[tabindex="0"]').count()).toBe(1);
    await page.locator('.plot .dot[tabindex="0"]').focus();
    expect(await page.locator('.readout').textContent()).toMatch(/^l1Gradient\/.* l1: images.*of the roof$/);
    await page.keyboard.press('ArrowRight');
    const told = (await page.locator('.readout strong').textContent()) ?? '';
    expect(told).toMatch(/^l1\//);
    await page.keyboard.press('Enter');
    const row = await page.locator('tr.marked td').allTextContents();
    expect(`${row[0]}/${row[2]?.replace(' ★', ' (chosen)')}`).toBe(told);

    const saving = page.waitForEvent('download');
    await button('Download JSON').click();
    const file = await (await saving).path();
    const doc = parseBench(readFileSync(file, 'utf8'), 'bench.json');
    expect(doc).toMatchObject({ complete: true, samples: 2, timing: { source: 'timestamps' } });
    expect(doc.rows.map((r) => r.variant)).toEqual(variants.map((v) => v.replace(' ★', '')));
    expect(compareBench(doc, doc).rows.map((r) => r.ratio)).toEqual([1, 1, 1, 1]);
    // A kernel that took half as long before is now half as fast.
    const faster = doc.rows.map((r) =>
      r.speed ? { ...r, speed: { ...r.speed, times: { ...r.speed.times, median: r.speed.times.median / 2 } } } : r,
    );
    const older = { name: 'older.json', mimeType: 'application/json', buffer: json({ ...doc, rows: faster }) };
    const chooser = page.getByLabel('Compare with an older run…');
    await chooser.setInputFiles(older);
    await page.locator('.comparison').getByText('older.json').waitFor();
    expect(await page.locator('.comparison').textContent()).toMatch(
      /older\.json, 4 rows: the geometric mean is 0\.50×/,
    );
    expect(await kernels(11)).toEqual(['0.50×', '0.50×', '0.50×', '0.50×']);
    await chooser.setInputFiles({ ...older, name: 'other.json', buffer: json({ rows: [] }) });
    await page
      .locator('.bench .error')
      .getByText(/other\.json is not a benchmark/)
      .waitFor();
  });

  test('stops at once, and runs again', async () => {
    await button('All').click();
    await button('Run').click();
    await button('Stop').click();
    expect(await finished()).toBe('Stopped.');
    await benchL1();
    expect(await finished()).toMatch(/^Done: 4 rows/);
  });

  test('explains that a filter matches nothing', async () => {
    await page.getByLabel('Filter').fill('nothing like it');
    await button('Run').click();
    await page.locator('.bench .error:visible').waitFor();
    expect(await page.locator('.bench .error').textContent()).toMatch(/no case or kernel matches "nothing like it"/);
  });
});

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('a kernel of one’s own', () => {
  beforeEach(async () => {
    await tab('Your own kernel').click();
    await page.getByLabel('Op', { exact: true }).selectOption('l1Gradient');
    await page.getByRole('heading', { name: /Interface of a kernel for l1Gradient/ }).waitFor();
    await expect.poll(() => editor().inputValue()).toContain('@compute');
  });

  const editor = () => page.getByLabel('Kernel (WGSL)');
  const found = () => page.locator('.found').innerText();

  /** Returns the example with one change. */
  async function change(from: RegExp | string, to: string): Promise<string> {
    const code = await editor().inputValue();
    const other = code.replace(from, to);
    expect(other).not.toBe(code);
    await editor().fill(other);
    return other;
  }

  test('passes and is timed beside those of this package if it is the example', async () => {
    await page.getByLabel('Time on').selectOption({ label: 'l1: images' });
    await button('Check and time').click();
    await button('Stop').waitFor();
    expect(await finished()).toMatch(/^Your kernel is right on \d+ cases, and timed\.$/);
    expect(await found()).toMatch(/✓ Right on \d+ cases/);
    const names = (await page.locator('.found tbody td:first-child').allTextContents()).map((v) => v.trim());
    expect(names[0]).toBe('→ yours');
    expect(names).toContain('naive ★');
    expect(await found()).toMatch(/Your kernel is [\d.]+× (as fast as|slower than) what the engine chooses/);
    expect(await page.locator('.contract').textContent()).toMatch(/var<storage, read_write> \w+: array<f32>/);
  });

  test('that is wrong shows where it differs, and what the difference looks like', async () => {
    await change(/(\n *g\w*\[[^\]]*\] = )([^;]*);/, '$1-($2);');
    await button('Check').click();
    await button('Stop').waitFor();
    expect(await finished()).toMatch(/^Your kernel is wrong on \d+ cases\.$/);
    const fact = (name: string) =>
      page.locator('.failure dt', { hasText: name }).locator('xpath=following-sibling::dd[1]');
    expect(await fact('Case').textContent()).toMatch(/^l1: /);
    expect(await fact('First element').textContent()).toMatch(/\[.*\], element \d+ of /);
    const [expected, got] = [await fact('Expected').textContent(), await fact('Got').textContent()].map(Number);
    expect(got).toBeCloseTo(-(expected ?? Number.NaN), 5);
    expect(await fact('Looks like').textContent()).toMatch(/opposite sign/);
  });

  test('that does not compile shows line and caret, and its text survives a reload', async () => {
    const typed = await change('@compute', 'const wrong: f32 = vec3f();\n@compute');
    const line = typed.slice(0, typed.indexOf('const wrong')).split('\n').length;
    await button('Check').click();
    await page.locator('.own .error:visible').waitFor();
    const [head, source, caret] = ((await page.locator('.own .error').textContent()) ?? '').split('\n');
    expect(head).toMatch(new RegExp(`yours.*: line ${line}:\\d+: `));
    expect(source).toContain('const wrong: f32 = vec3f();');
    expect(caret?.trim()).toBe('^');
    expect(await page.locator('.numbers .wrong').textContent()).toBe(String(line));
    await page.reload();
    await expect.poll(() => editor().inputValue()).toBe(typed);
  });

  test('has its launch and bindings checked with messages for the page', async () => {
    await page.getByLabel('Launch').selectOption({ label: 'with its own workgroups' });
    await button('Check').click();
    const error = page.locator('.own .error');
    await error.and(page.locator(':visible')).waitFor();
    expect(await error.textContent()).toMatch(/the number of workgroups is missing.*in the field Workgroups/);
    expect(await error.textContent()).not.toContain('--');
    await page.getByLabel('Workgroups', { exact: true }).fill('ceil(nothing / 64)');
    await button('Check').click();
    await expect.poll(() => error.textContent()).toMatch(/Workgroups: .*nothing/);
  });

  test('that never ends is abandoned with advice, and the next check has a new worker', async () => {
    const [worker] = page.workers();
    if (!worker) throw new Error('the page has no worker');
    // SwiftShader could never end an endless kernel, so this imitates a GPU that no longer answers.
    await worker.evaluate(() => {
      GPUQueue.prototype.onSubmittedWorkDone = () => new Promise(() => {});
      GPUBuffer.prototype.mapAsync = () => new Promise(() => {});
      const wait = setTimeout;
      const soon = (task: () => void, ms = 0) => wait(task, ms >= 30_000 ? 0 : ms);
      Object.assign(globalThis, { setTimeout: soon });
    });
    await button('Check').click();
    await page.locator('.own .error:visible').waitFor();
    expect(await page.locator('.own .error').textContent()).toMatch(/did not finish in 30 s: it has an endless loop/);
    expect(await page.locator('.own .progress').innerText()).toMatch(
      /no longer waits for the kernel\. .*close this tab/,
    );

    await button('Check').click();
    await button('Stop').waitFor();
    expect(await finished()).toMatch(/^Your kernel is right on \d+ cases\.$/);
    expect(await page.locator('.own .progress').isVisible()).toBe(false);

    // Here the GPU never answers.
    await page.evaluate(() => {
      Worker.prototype.postMessage = () => {};
      const wait = setTimeout;
      Object.assign(globalThis, { setTimeout: (task: () => void, ms = 0) => wait(task, ms >= 15_000 ? 0 : ms) });
    });
    await button('Check').click();
    await expect
      .poll(() => status().textContent())
      .toMatch(/^Checking… The GPU has not answered yet; .*close this tab/);
    await button('Stop').click();
    expect(await finished()).toBe('Stopped.');
  });

  test('Tab indents, Esc and Tab leave the editor', async () => {
    await editor().fill('fn a() {\nreturn;\n}');
    await editor().press('Control+Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    expect(await editor().inputValue()).toBe('fn a() {\n  return;\n}');
    await page.keyboard.press('Shift+Tab');
    expect(await editor().inputValue()).toBe('fn a() {\nreturn;\n}');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    expect(await editor().evaluate((e) => e === document.activeElement)).toBe(false);
  });
});

test('every control has an accessible name, and nothing is wider than a phone', async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  for (const name of ['Benchmark', 'Your own kernel']) {
    await tab(name).click();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    expect(wide).toBe(false);
  }
  await page.getByRole('heading', { name: /Interface of a kernel for/ }).waitFor();
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLInputElement>('main input, main select, main textarea, main button')]
      .filter((e) => !e.labels?.length && !e.textContent?.trim() && !e.getAttribute('aria-label'))
      .map((e) => e.outerHTML),
  );
  expect(nameless).toEqual([]);
});
