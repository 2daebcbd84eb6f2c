import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatAnnotations } from '../../src/data/annotations.js';
import { blank, paste } from '../../src/data/image.js';
import { drawSynthetic } from '../../src/data/synth.js';
import { LAMP } from '../../src/data/synth-lamp.js';
import { modelConfig } from '../../src/model/config.js';
import { decodeImage } from '../../src/node/images.js';
import { PERSON, type Pose } from '../../src/pose/skeleton.js';
import { halved } from '../half.js';
import { untrained } from '../made-checkpoint.js';
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
  await page.waitForFunction(() => performance.getEntriesByName('first-picture').length > 0);
}, 300_000);

afterAll(async () => {
  await app?.close();
});

/** A picture that is not a sample of the page, with its joints. */
const other = drawSynthetic({ seed: 5, identity: 7, index: 0 });
const own: Pose = PERSON.joints.map((_, i) => other.pose[i] ?? (i === 0 || i > 13 ? null : [20 + i, 30 + 4 * i]));
/** Returns a hostile or rotated picture of the fixtures. */
const caseFile = (name: string): TestFile => ({
  name,
  mimeType: '',
  buffer: readFileSync(`test/fixtures/cases/images/${name}`),
});
const table = formatAnnotations(new Map([['other.png', own]]));

describe('one’s own picture', () => {
  test('is shown pixel for pixel with its row in a table', async () => {
    const before = await on.still();
    await on.drop(pngFile('other.png', other.image), textFile('joints.csv', table));
    await expect.poll(() => page.locator('.stage-source p').textContent()).toBe('other.png');
    expect(await on.pixels('.stage-source canvas')).toEqual([...other.image.data]);
    await on.changedFrom(before);
  });

  test('is turned by its Exif orientation, with the pixels of the command line, to match the joints', async () => {
    const file = caseFile('exif-6.jpg');
    await on.drop(file, textFile('exif-6.json', JSON.stringify(own)));
    await expect.poll(() => page.locator('.stage-source p').textContent()).toBe('exif-6.jpg');
    expect(await on.pixels('.stage-source canvas')).toEqual([...decodeImage(file.buffer, file.name).data]);
  });

  test('is cropped around the person if it has other proportions, with joints as JSON', async () => {
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

  test('gets its joints by mouse and keyboard, with undo and missing ones', async () => {
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
    // The keyboard starts in the middle of the picture.
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
    expect(await prompt.textContent()).toMatch(/^All joints are done/);
    await button('Use this person').click();
    await expect.poll(() => page.locator('.stage-source p').textContent()).toBe('clicked.png');
    // Its own pose consists of the clicked joints.
    await page.getByRole('button', { name: 'The person’s pose' }).click();
    expect(await page.getByRole('button', { name: 'Put nose back' }).isVisible()).toBe(true);
    const [x, y] = await on.place('left hip');
    const [wantX, wantY] = own[11] ?? [0, 0];
    expect(Math.hypot(x - wantX, y - wantY)).toBeLessThan(2);
    expect((await on.place('neck'))[1]).toBe(Math.round(64 - 0.05 * 128));
  });

  test('Escape cancels the marking of joints, and so does leaving the page', async () => {
    const leave = async () => {
      for (const hash of ['#kernels', '#pose']) {
        await page.evaluate((to) => location.assign(to), hash);
        await page.locator(`.page.${hash.slice(1)}`).waitFor();
      }
    };
    for (const giveUp of [() => page.keyboard.press('Escape'), leave]) {
      await on.drop(pngFile('again.png', other.image));
      await page.getByRole('dialog').waitFor();
      await giveUp();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    expect(await page.locator('.stage-source p').textContent()).toBe('clicked.png');
  });
});

test('a list of poses is played', async () => {
  const poses = [own, own.map((p) => p && [p[0], Math.max(0, p[1] - 6)])];
  await on.drop(textFile('dance.json', JSON.stringify(poses)));
  await page.getByRole('button', { name: 'Pause' }).click();
  expect(await page.getByLabel('Sequence').inputValue()).toBe('file');
});

test('files that cannot be used are refused with an explanation, and nothing is lost', async () => {
  const before = await on.still();
  expect(await on.refusal(textFile('notes.txt', 'hello'))).toMatch(
    /^notes\.txt cannot be used here\. Give a picture \(\.png/,
  );
  expect(await on.refusal(textFile('broken.safetensors', 'hello, world'))).toMatch(
    /^broken\.safetensors is not a checkpoint of pose-gan: it is a text that begins "hello, world"/,
  );
  expect(await on.refusal(pngFile('lost.png', other.image), textFile('joints.csv', table))).toMatch(
    /^joints\.csv has no row for lost\.png, only for other\.png$/,
  );
  expect(await on.refusal(textFile('fake.png', 'no picture'))).toMatch(
    /^fake\.png is not a usable image: it is a text that begins "no picture"; PNG and JPEG are read/,
  );
  expect(await on.refusal(caseFile('png-two-ihdr-20000.png'))).toMatch(
    /^png-two-ihdr-20000\.png is not a usable image: it is damaged: it has two headers$/,
  );
  expect(await on.refusal(caseFile('jpg-8000-progressive-3.jpg'))).toMatch(/is not a usable image: it is cut short/);
  expect(await on.refusal(caseFile('avif-named.jpg'))).toMatch(/^avif-named\.jpg is .*an AVIF picture; PNG and JPEG/);
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

/** Makes an untrained checkpoint of a small model for lamps, and the same in half precision. */
function lampCheckpoints(): TestFile[] {
  const size = { joints: LAMP.joints.length, parts: LAMP.parts.length };
  const { f32, f16 } = halved(untrained({ ...modelConfig({ size: 'small', width: 1 / 16 }), ...size }, LAMP));
  const file = (name: string, bytes: Uint8Array) => ({ name, mimeType: '', buffer: Buffer.from(bytes) });
  return [file('lamp.safetensors', f32), file('half.safetensors', f16)];
}

test('a checkpoint brings its own skeleton and size, and the app can return to its own model', async () => {
  const [lamp, half] = lampCheckpoints();
  await on.drop(lamp as TestFile);
  await expect
    .poll(() => page.locator('#model-facts').textContent())
    .toMatch(/lamp\.safetensors · lamp, 64×32 .* 7 iter/);
  await expect.poll(() => page.locator('.stage-target .joint').count()).toBe(LAMP.joints.length);
  await expect.poll(() => page.locator('.stage-generated .waiting').count(), { timeout: SLOW }).toBe(0);
  const before = await on.still();
  expect(before.length).toBe(64 * 32 * 3);
  await on.joint('elbow').focus();
  await page.keyboard.press('Shift+ArrowLeft');
  const moved = await on.changedFrom(before);

  await on.drop(half as TestFile);
  await expect.poll(() => page.locator('#model-facts').textContent()).toMatch(/^half\.safetensors · lamp/);
  await expect.poll(() => page.locator('.stage-generated .waiting').count(), { timeout: SLOW }).toBe(0);
  expect(await on.still()).toEqual(moved);

  await page.getByRole('button', { name: 'Back to the app’s model' }).click();
  await expect.poll(() => page.locator('#model-facts').textContent()).toMatch(/^person\.safetensors/);
  await expect.poll(() => page.locator('.stage-generated .waiting').count(), { timeout: SLOW }).toBe(0);
  expect((await on.generated()).length).toBe(128 * 64 * 3);
});

test('every control has an accessible name, and the console has no warnings', async () => {
  expect(await on.nameless()).toEqual([]);
  expect(complaints).toEqual([]);
});
