import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PERSON } from '../../src/pose/skeleton.js';
import { type App, openApp } from './app.js';
import { PosePage, SLOW } from './pose-page.js';

let app: App;
let page: Page;
let on: PosePage;
let complaints: string[];

beforeAll(async () => {
  app = await openApp();
  ({ page, complaints } = await app.page('pose'));
  page.setDefaultTimeout(SLOW);
  on = new PosePage(page);
}, 300_000);

afterAll(async () => {
  await app?.close();
});

describe('a picture', () => {
  test('is generated when the page opens', async () => {
    await page.waitForFunction(() => performance.getEntriesByName('first-picture').length > 0);
    const ms = await page.evaluate(() => performance.getEntriesByName('first-picture')[0]?.startTime);
    console.log(`first generated picture ${((ms ?? 0) / 1000).toFixed(1)} s after the page was opened`);
    expect(new Set(await on.generated()).size).toBeGreaterThan(50);
    expect(await page.locator('#status').textContent()).toBe('Ready.');
    expect(await page.locator('#status-detail').textContent()).toMatch(/^first picture after [\d.]+ s$/);
    expect(await page.title()).toBe('Pose · Pose GAN');
    expect(await page.locator('nav a[aria-current="page"]').textContent()).toBe('Pose');
    await expect.poll(() => page.getByRole('group', { name: 'Poses' }).getByRole('button').count()).toBe(12);
    expect(await page.getByRole('group', { name: 'Sample people' }).getByRole('button').count()).toBe(6);
  });

  test('follows a joint that is dragged, and the joints that move with it', async () => {
    const before = await on.still();
    const [elbow, wrist] = [await on.place('right elbow'), await on.place('right wrist')];
    const box = await on.joint('right elbow').locator('.dot').boundingBox();
    if (!box) throw new Error('the joint is not to be seen');
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const unit = ((await page.locator('.stage-target svg').boundingBox())?.width ?? 0) / 64;
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x - 3 * unit, y - 5 * unit, { steps: 3 });
    await page.mouse.move(x - 6 * unit, y - 10 * unit, { steps: 3 });
    await page.mouse.up();
    expect(await on.place('right elbow')).toEqual([elbow[0] - 6, elbow[1] - 10]);
    expect(await on.place('right wrist')).toEqual([wrist[0] - 6, wrist[1] - 10]);
    await on.changedFrom(before);
  });

  test('follows a finger on a joint of a small screen, and the page does not scroll', async () => {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 390, height: 700 });
    const before = await on.still();
    const [x, y] = await on.place('left wrist');
    const box = await on.joint('left wrist').locator('.dot').boundingBox();
    if (!box) throw new Error('the joint is not to be seen');
    const unit = ((await page.locator('.stage-target svg').boundingBox())?.width ?? 0) / 64;
    const touch = await page.context().newCDPSession(page);
    const at = (dy: number) => [{ x: box.x + box.width / 2, y: box.y + box.height / 2 + dy * unit }];
    await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0) });
    for (let dy = 2; dy <= 12; dy += 2)
      await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(-dy) });
    await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    // The browser may withhold the first few pixels of a touch from the page.
    const moved = await on.place('left wrist');
    expect(Math.hypot(moved[0] - x, moved[1] - (y - 12))).toBeLessThan(3);
    expect(await page.evaluate(() => [scrollY, document.documentElement.scrollWidth])).toEqual([0, 390]);
    await on.changedFrom(before);
    if (size) await page.setViewportSize(size);
  });

  test('follows the arrow keys, and any joint but those of the trunk can be removed and restored', async () => {
    const before = await on.still();
    const [x, y] = await on.place('left knee');
    await on.joint('left knee').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowUp');
    expect(await on.place('left knee')).toEqual([x + 1, y - 5]);
    const moved = await on.changedFrom(before);

    await on.joint('left ankle').focus();
    await page.keyboard.press('Delete');
    expect(await on.joint('left ankle').isVisible()).toBe(false);
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toMatch(/^right eye/);
    const without = await on.changedFrom(moved);
    await page.getByRole('button', { name: 'Put left ankle back' }).click();
    expect(await on.joint('left ankle').isVisible()).toBe(true);
    await on.changedFrom(without);

    await on.joint('left hip').focus();
    await page.keyboard.press('Delete');
    expect(await on.joint('left hip').isVisible()).toBe(true);
    expect(await page.locator('#joint-hint').textContent()).toMatch(/left hip cannot be missing/);
  });

  test('follows the library and a sequence that plays', async () => {
    const before = await on.still();
    await page.getByRole('button', { name: 'Arms spread' }).click();
    expect(await page.locator('.poses [aria-pressed="true"]').getAttribute('aria-label')).toBe('Arms spread');
    const spread = await on.changedFrom(before);
    const elbow = await on.place('left elbow');
    await page.getByRole('button', { name: 'Mirror' }).click();
    expect((await on.place('right elbow'))[0]).toBe(63 - elbow[0]);
    const mirrored = await on.changedFrom(spread);
    await page.getByRole('button', { name: 'Play' }).click();
    const first = await on.changedFrom(mirrored, { playing: true });
    await on.changedFrom(first, { playing: true });
    await page.getByRole('button', { name: 'Pause' }).click();
    const paused = await on.place('left ankle');
    await page.waitForTimeout(300);
    expect(await on.place('left ankle')).toEqual(paused);
  });

  test('shows another person when one is chosen', async () => {
    const before = await on.still();
    await page.getByRole('button', { name: 'Striped dress' }).click();
    expect(await page.locator('.stage-source p').textContent()).toBe('Striped dress');
    await on.changedFrom(before);
  });
});

test('shows every stage in the inside view, and highlights a part of the legend', async () => {
  await page.getByText('Look inside').click();
  const inside = page.locator('.inside');
  await inside.getByText('Inputs of the decoder').waitFor();
  await page.locator('details .inside:not([aria-busy])').waitFor();
  expect(await inside.locator('.tiles.wide figure').count()).toBe(PERSON.parts.length);
  expect(await inside.locator('.regions polygon').count()).toBeGreaterThan(10);
  const blankOnes = await inside.locator('canvas').evaluateAll(
    (all) =>
      all.filter((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const data = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data;
        return new Set(data).size < 2;
      }).length,
  );
  expect(blankOnes).toBe(0);
  const map = () => on.pixels('.inside section:nth-of-type(3) figure:first-child canvas');
  const before = await map();
  const entry = inside.getByRole('button', { name: /^not moved/ });
  await entry.click();
  expect(await entry.getAttribute('aria-pressed')).toBe('true');
  // Pixels that no part has won stay as they are, and all others are dimmed.
  const after = await map();
  const grey = (m: number[], i: number) => [0, 1, 2].every((c) => m[i + c] === 205);
  const left = before.filter((_, i) => i % 3 === 0 && grey(before, i)).length;
  expect(left).toBeGreaterThan(100);
  expect(left).toBeLessThan(128 * 64);
  for (let i = 0; i < before.length; i += 3)
    expect(grey(after, i) || Math.max(...after.slice(i, i + 3)) <= 51).toBe(true);
  expect(after.filter((_, i) => i % 3 === 0 && grey(after, i)).length).toBe(left);
  await page.getByText('Look inside').click();
});

test('is unchanged after a visit to another page', async () => {
  const before = await on.still();
  const [worker] = page.workers();
  await page.getByRole('link', { name: 'Kernels' }).click();
  await page.locator('.page.kernels').waitFor();
  await page.getByRole('link', { name: 'Pose' }).click();
  await page.locator('#generated').waitFor();
  expect(await on.generated()).toEqual(before);
  expect(page.workers()).toContain(worker);
  expect(page.workers().filter((w) => w.url() === worker?.url())).toHaveLength(1);
});

describe('a lost device is reported and replaced', () => {
  const told = async () => {
    const status = () => page.locator('#status').textContent();
    await expect.poll(status, { timeout: SLOW }).toMatch(/device was lost\. Another was opened/);
    expect(await page.locator('#messages').textContent()).toBe('');
    await page.locator('#status').evaluate((line) => {
      line.textContent = '';
    });
  };

  /** Destroys the worker's device when it next encodes commands, or as soon as they have run. */
  const lose = async (when: 'encoding' | 'done') => {
    const [worker] = page.workers();
    if (!worker) throw new Error('the page has no worker');
    await worker.evaluate((at) => {
      const { createCommandEncoder } = GPUDevice.prototype;
      GPUDevice.prototype.createCommandEncoder = function (...args) {
        GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
        if (at === 'encoding') this.destroy();
        const encoder = createCommandEncoder.apply(this, args);
        // The picture is read back after the commands that are submitted in this turn.
        if (at === 'done') setTimeout(() => void this.queue.onSubmittedWorkDone().then(() => this.destroy()));
        return encoder;
      };
    }, when);
  };

  test('while a picture is generated', async () => {
    const before = await on.still();
    await lose('encoding');
    await page.getByRole('button', { name: 'Running' }).click();
    await on.changedFrom(before);
    await told();
  });

  test('when its picture is finished, which is generated again and stays the same', async () => {
    const before = await on.still();
    await lose('done');
    await page.getByRole('button', { name: 'Arms spread' }).click();
    await told();
    const after = await on.changedFrom(before);
    await page.getByRole('button', { name: 'Running' }).click();
    expect(await on.changedFrom(after)).toEqual(before);
  });
});

test('every control has an accessible name, and the console has no warnings', async () => {
  expect(await on.nameless()).toEqual([]);
  expect(complaints).toEqual([]);
});
