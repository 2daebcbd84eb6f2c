import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatAnnotations } from '../../src/data/annotations.js';
import { blank, paste } from '../../src/data/image.js';
import { drawSynthetic } from '../../src/data/synth.js';
import { LAMP } from '../../src/data/synth-lamp.js';
import { modelConfig } from '../../src/model/config.js';
import { PERSON, type Pose } from '../../src/pose/skeleton.js';
import { untrained } from '../untrained.js';
import { type App, openApp } from './app.js';
import { PosePage, pngFile, SLOW, type TestFile, textFile } from './pose-page.js';

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

/** A picture with its joints that is no sample of the page. */
const other = drawSynthetic({ seed: 5, identity: 7, index: 0 });
const own: Pose = PERSON.joints.map((_, i) => other.pose[i] ?? (i === 0 || i > 13 ? null : [20 + i, 30 + 4 * i]));
const table = formatAnnotations(new Map([['other.png', own]]));

describe('a picture', () => {
  test('is made when the page opens', async () => {
    await page.waitForFunction(() => performance.getEntriesByName('first-picture').length > 0);
    const ms = await page.evaluate(() => performance.getEntriesByName('first-picture')[0]?.startTime);
    console.log(`first generated picture ${((ms ?? 0) / 1000).toFixed(1)} s after the page was opened`);
    expect(new Set(await on.generated()).size).toBeGreaterThan(50);
    expect(await page.locator('#status').textContent()).toBe('Ready.');
    expect(await page.locator('#aside').textContent()).toMatch(/^first picture after [\d.]+ s$/);
    expect(await page.title()).toBe('Pose · Pose GAN');
    expect(await page.locator('nav a[aria-current="page"]').textContent()).toBe('Pose');
    await expect.poll(() => page.getByRole('group', { name: 'Poses' }).getByRole('button').count()).toBe(12);
    expect(await page.getByRole('group', { name: 'Sample people' }).getByRole('button').count()).toBe(6);
  });

  test('follows a joint that is dragged, and what hangs from it', async () => {
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

  test('follows a finger on a joint of a small screen, where the page does not scroll away', async () => {
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
    // The first few pixels of a touch may be kept from the page.
    const moved = await on.place('left wrist');
    expect(Math.hypot(moved[0] - x, moved[1] - (y - 12))).toBeLessThan(3);
    expect(await page.evaluate(() => [scrollY, document.documentElement.scrollWidth])).toEqual([0, 390]);
    await on.changedFrom(before);
    if (size) await page.setViewportSize(size);
  });

  test('follows the arrow keys; a joint can be missing and comes back, a trunk joint cannot', async () => {
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

  test('is of another person when one is chosen', async () => {
    const before = await on.still();
    await page.getByRole('button', { name: 'Striped dress' }).click();
    expect(await page.locator('.stage-source p').textContent()).toBe('Striped dress');
    await on.changedFrom(before);
  });
});

describe('one’s own picture', () => {
  test('with its row in a table: exactly its pixels', async () => {
    const before = await on.still();
    await on.drop(pngFile('other.png', other.image), textFile('joints.csv', table));
    await expect.poll(() => page.locator('.stage-source p').textContent()).toBe('other.png');
    expect(await on.pixels('.stage-source canvas')).toEqual([...other.image.data]);
    await on.changedFrom(before);
  });

  test('of other proportions with joints as JSON: the part around the person', async () => {
    const wide = blank(200, 150, [10, 200, 30]);
    paste(wide, other.image, 80, 10);
    const joints = own.map((p) => p && [p[0] + 80, p[1] + 10]);
    await on.drop(pngFile('wide.png', wide), textFile('wide.json', JSON.stringify(joints)));
    await expect.poll(() => page.locator('.stage-source p').textContent()).toBe('wide.png');
    const shown = await on.pixels('.stage-source canvas');
    const greens = shown.filter((v, i) => i % 3 === 1 && v === 200).length;
    expect(greens).toBeGreaterThan(0);
    expect(greens).toBeLessThan(0.5 * 128 * 64);
  });

  test('without joints: they are clicked, with undo and missing ones, by mouse and keyboard', async () => {
    await on.drop(pngFile('clicked.png', other.image));
    const dialog = page.getByRole('dialog');
    const prompt = dialog.locator('.prompt');
    const picture = dialog.locator('.annotate-picture');
    const button = (name: string) => dialog.getByRole('button', { name, exact: true });
    await expect.poll(() => prompt.textContent()).toBe('Click the nose · 1 of 18');
    const box = await picture.boundingBox();
    if (!box) throw new Error('the picture is not to be seen');
    const click = ([x, y]: readonly [number, number]) =>
      page.mouse.click(box.x + ((x + 0.5) / 64) * box.width, box.y + ((y + 0.5) / 128) * box.height);
    expect(await button('Undo').isDisabled()).toBe(true);
    await click([5, 5]);
    expect(await prompt.textContent()).toBe('Click the neck · 2 of 18');
    await button('Undo').click();
    expect(await prompt.textContent()).toBe('Click the nose · 1 of 18');
    await button('Missing').click();
    // By keyboard: from the middle of the picture.
    await picture.focus();
    await page.keyboard.press('Shift+ArrowUp');
    await page.keyboard.press('Enter');
    expect(await prompt.textContent()).toBe('Click the right shoulder · 3 of 18');
    expect(await button('Missing').isDisabled()).toBe(true);
    await page.keyboard.press('m');
    expect(await prompt.textContent()).toBe('Click the right shoulder · 3 of 18');
    expect(await button('Use this person').isDisabled()).toBe(true);
    for (const p of own.slice(2)) {
      if (p) await click([p[0], p[1]]);
      else await page.keyboard.press('m');
    }
    expect(await prompt.textContent()).toMatch(/^All joints are answered/);
    await button('Use this person').click();
    await expect.poll(() => page.locator('.stage-source p').textContent()).toBe('clicked.png');
    // Its own pose is what was clicked.
    await page.getByRole('button', { name: 'The person’s own' }).click();
    expect(await page.getByRole('button', { name: 'Put nose back' }).isVisible()).toBe(true);
    const [x, y] = await on.place('left hip');
    const [wantX, wantY] = own[11] ?? [0, 0];
    expect(Math.hypot(x - wantX, y - wantY)).toBeLessThan(2);
    expect((await on.place('neck'))[1]).toBe(Math.round(64 - 0.05 * 128));
  });

  test('Escape gives the clicking up', async () => {
    await on.drop(pngFile('again.png', other.image));
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.locator('.stage-source p').textContent()).toBe('clicked.png');
  });
});

test('a list of poses is played', async () => {
  const poses = [own, own.map((p) => p && [p[0], Math.max(0, p[1] - 6)])];
  await on.drop(textFile('dance.json', JSON.stringify(poses)));
  await page.getByRole('button', { name: 'Pause' }).click();
  expect(await page.getByLabel('Sequence').inputValue()).toBe('file');
});

test('files that are of no use are refused in words, and nothing is lost', async () => {
  const before = await on.still();
  expect(await on.refusal(textFile('notes.txt', 'hello'))).toMatch(/^notes\.txt is of no use here\. A picture \(\.png/);
  expect(await on.refusal(textFile('broken.safetensors', 'hello, world'))).toMatch(
    /^broken\.safetensors is not a usable safetensors file/,
  );
  expect(await on.refusal(pngFile('lost.png', other.image), textFile('joints.csv', table))).toMatch(
    /^joints\.csv has no row for lost\.png, only for other\.png$/,
  );
  expect(await on.refusal(textFile('fake.png', 'no picture'))).toMatch(/^fake\.png is not a usable picture/);
  expect(await on.refusal(textFile('pose.json', '[[1, 2]]'))).toMatch(
    /^pose\.json has 1 joints, the skeleton "person" has 18/,
  );
  const headless = own.map((p, i) => (i === 2 ? null : p));
  expect(await on.refusal(pngFile('other.png', other.image), textFile('o.json', JSON.stringify(headless)))).toMatch(
    /o\.json has no right_shoulder; without them parts have no size/,
  );
  expect(await on.refusal(pngFile('a.png', other.image), pngFile('b.png', other.image))).toMatch(
    /a\.png and b\.png are both pictures/,
  );
  expect(await on.generated()).toEqual(before);
});

test('looking inside draws every stage, and a part of the legend is picked out', async () => {
  await page.getByText('Look inside').click();
  const inside = page.locator('.inside');
  await inside.getByText('What the decoder is given').waitFor();
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
  // Pixels that no part has won stay as they are, all others are dimmed.
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

/** An untrained checkpoint of a small model for lamps. */
function lampCheckpoint(): TestFile {
  const size = { joints: LAMP.joints.length, parts: LAMP.parts.length };
  const file = untrained({ ...modelConfig({ size: 'small', width: 1 / 16 }), ...size }, LAMP);
  return { name: 'lamp.safetensors', mimeType: '', buffer: Buffer.from(file) };
}

test('a checkpoint brings its own skeleton and size, and the app’s own comes back', async () => {
  await on.drop(lampCheckpoint());
  await expect
    .poll(() => page.locator('#model-facts').textContent())
    .toMatch(/lamp\.safetensors · lamp, 64×32 .* 7 iter/);
  await expect.poll(() => page.locator('.stage-target .joint').count()).toBe(LAMP.joints.length);
  await expect.poll(() => page.locator('.stage-generated .waiting').count(), { timeout: SLOW }).toBe(0);
  const before = await on.still();
  expect(before.length).toBe(64 * 32 * 3);
  await on.joint('elbow').focus();
  await page.keyboard.press('Shift+ArrowLeft');
  await on.changedFrom(before);
  await page.getByRole('button', { name: 'Back to the app’s own' }).click();
  await expect.poll(() => page.locator('#model-facts').textContent()).toMatch(/^person\.safetensors/);
  await expect.poll(() => page.locator('.stage-generated .waiting').count(), { timeout: SLOW }).toBe(0);
  expect((await on.generated()).length).toBe(128 * 64 * 3);
});

test('coming back from another page finds everything as it was', async () => {
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

test('a lost device is told and another opened', async () => {
  const [worker] = page.workers();
  if (!worker) throw new Error('the page has no worker');
  await worker.evaluate(() => {
    const encode = GPUDevice.prototype.createCommandEncoder;
    GPUDevice.prototype.createCommandEncoder = function (...args) {
      GPUDevice.prototype.createCommandEncoder = encode;
      this.destroy();
      return encode.apply(this, args);
    };
  });
  const before = await on.still();
  await page.getByRole('button', { name: 'Running' }).click();
  await on.changedFrom(before);
  await expect.poll(() => page.locator('#status').textContent()).toMatch(/device was lost; another was opened/);
  expect(await page.locator('#messages').textContent()).toBe('');
});

test('every control has a name, and nothing was complained about', async () => {
  const nameless = await page.locator('button, a[href], input, select, textarea, [tabindex="0"]').evaluateAll((all) =>
    all
      .filter((e) => {
        const labels = [...((e as HTMLInputElement).labels ?? [])].map((l) => l.textContent ?? '').join('');
        return !(e.getAttribute('aria-label') ?? '') && !labels.trim() && !e.textContent?.trim();
      })
      .map((e) => e.outerHTML.slice(0, 80)),
  );
  expect(nameless).toEqual([]);
  expect(complaints).toEqual([]);
});
