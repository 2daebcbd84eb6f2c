import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Download } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parsePairs } from '../../src/data/pairs.js';
import { fromCheckpoint } from '../../src/model/checkpoint.js';
import { modelConfig } from '../../src/model/config.js';
import type { LogRow } from '../../src/model/iterate.js';
import { loadCheckpoint } from '../../src/node/checkpoint-files.js';
import { openDataset } from '../../src/node/dataset.js';
import { writeSynthDataset } from '../../src/node/synth-dataset.js';
import { PERSON } from '../../src/pose/skeleton.js';
import { shareDevice } from '../gpu.js';
import { run } from '../untrained.js';
import { type App, openApp } from './app.js';
import { drop, figure, iteration, PEOPLE, trainPage, until } from './train-page.js';

shareDevice();

let app: App;
let leave = async () => {};
const folder = mkdtempSync(join(tmpdir(), 'pose-gan-train-'));
const data = join(folder, 'data');
const saved = join(folder, 'saved');
/** The rows of the first run by iteration, and the number of iterations when it was saved. */
let rows: LogRow[] = [];
let savedAt = 0;
/** The commands that the page names for continuing a saved run. */
let commands: string[] = [];

const RECIPE = { preset: 'paper', size: 'small', ablation: 'dsc', width: 1 / 16 } as const;

beforeAll(async () => {
  app = await openApp();
  mkdirSync(saved);
  writeSynthDataset({ ...PEOPLE, folder: data, name: 'synth' });
});
afterEach(async () => {
  await leave();
  leave = async () => {};
});
afterAll(async () => {
  await app?.close();
  rmSync(folder, { recursive: true });
});

/** Opens a page that is closed after the test. */
async function opened(options?: Parameters<typeof trainPage>[1]) {
  const made = await trainPage(app, options);
  leave = () => made.page.context().close();
  return made;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test('a run learns at the smallest size while the page responds, and the library can read what it saves', async () => {
  const { page, complaints, heard } = await opened();
  await page.locator('#start').click();
  await until(() => iteration(page)).toBeGreaterThanOrEqual(20);

  // The thread that trains is blocked, and the page still responds, because it does none of the work.
  const held = await heard.hold();
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await page.getByLabel('Log scale').check();
  const left = await iteration(page);
  await page.getByRole('link', { name: 'Kernels' }).click();
  await page.locator('#start').waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Train' }).click();
  await page.locator('#pause').waitFor();
  expect(await page.getByLabel('Log scale').isChecked()).toBe(true);
  await held.release();
  await until(() => iteration(page)).toBeGreaterThan(left);
  expect(await heard.opened()).toEqual({ worker: 1, page: 0 });

  await page.locator('#pause').click();
  await page.locator('#resume').waitFor();
  await until(() => figure(page, 'Last snapshot')).toMatch(/iteration \d+/);
  savedAt = await iteration(page);
  expect(await figure(page, 'Last snapshot')).toBe(`iteration ${savedAt}`);
  await page.waitForTimeout(1000);
  expect(await iteration(page)).toBe(savedAt);

  const downloads: Download[] = [];
  page.on('download', (d) => downloads.push(d));
  await page.locator('#save').click();
  await expect.poll(() => downloads.length).toBe(2);
  for (const d of downloads) await d.saveAs(join(saved, d.suggestedFilename()));
  expect(readdirSync(saved).sort()).toEqual([
    expect.stringMatching(/^checkpoint-\d{8}-[0-9a-f]{16}\.state\.safetensors$/),
    `checkpoint-${String(savedAt).padStart(8, '0')}.safetensors`,
  ]);

  commands = (await page.locator('#messages .note p').innerText()).split('\n').slice(1);
  await page.locator('#resume').click();
  await until(() => iteration(page)).toBeGreaterThan(savedAt);
  await page.locator('#stop').click();
  await page.getByRole('button', { name: 'Continue' }).waitFor();
  rows = await heard.rows();
  expect(rows.map((r) => r.step)).toEqual(rows.map((_, i) => i + 1));
  const losses = rows.map((r) => r.reconstruction);
  expect(mean(losses.slice(15, 20))).toBeLessThan(mean(losses.slice(0, 5)));
  await expect(page.locator('.sheet').getAttribute('aria-label')).resolves.toMatch(
    /^After \d+ iterations, one pair a row/,
  );
  expect(complaints).toEqual([]);
}, 240_000);

test('the commands that the page names continue with the saved files, and compute the next iteration like the page', async () => {
  const { path, info } = loadCheckpoint(saved);
  expect(fromCheckpoint(readFileSync(path), path).info).toMatchObject({ step: savedAt, recipe: RECIPE, seed: 0 });
  expect(info.config).toEqual({ ...modelConfig(RECIPE), learningRate: 1e-3 });
  const drawn = join(folder, 'drawn');
  const node = join(folder, 'node');
  cpSync(saved, node, { recursive: true });
  const [synth, train] = commands.map((line) =>
    line.split(' ').map((word) => ({ data: drawn, RUN: node })[word] ?? word),
  );
  if (!synth || !train) throw new Error(`the page names other commands: ${commands}`);
  expect([synth.slice(0, 2), train.slice(0, 2)]).toEqual([
    ['pose-gan', 'synth'],
    ['pose-gan', 'train'],
  ]);
  expect(await run(...synth.slice(1))).toMatchObject({ code: 0 });
  for (const table of ['synth-annotation-train.csv', 'synth-pairs-train.csv', 'synth-pairs-test.csv'])
    expect(readFileSync(join(drawn, table), 'utf8')).toBe(readFileSync(join(data, table), 'utf8'));
  expect(await run(...train.slice(1), '--iterations', String(savedAt + 1))).toMatchObject({ code: 0 });
  const done: LogRow[] = readFileSync(join(node, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const next = rows[savedAt];
  expect(done.map((r) => r.step)).toEqual([savedAt + 1]);
  for (const loss of ['reconstruction', 'discriminator', 'adversarial'] as const)
    expect(done[0]?.[loss]).toBeCloseTo(next?.[loss] ?? Number.NaN, 3);
});

test('a run that is loaded again continues bit for bit, and a reload offers it', async () => {
  const { page, complaints, heard } = await opened();
  await page.locator('#checkpoint').setInputFiles(readdirSync(saved).map((n) => join(saved, n)));
  await page.getByText(`continues exactly after iteration ${savedAt}`).waitFor();
  expect(await page.getByLabel('Batch').isDisabled()).toBe(true);
  expect(await page.getByLabel('People', { exact: true }).inputValue()).toBe('3');
  await page.getByRole('button', { name: 'Continue' }).click();
  await until(() => iteration(page)).toBeGreaterThan(savedAt);
  await page.locator('#stop').click();
  await page.getByRole('button', { name: 'Continue' }).waitFor();
  const [first] = await heard.rows();
  const { seconds: _, ...now } = first ?? { seconds: 0 };
  expect(rows[savedAt]).toMatchObject(now);
  const at = await iteration(page);

  await page.reload();
  await page.getByText(`has saved a run at iteration ${at}`).waitFor();
  await page.getByRole('button', { name: 'Load it' }).click();
  await page.getByText(`continues exactly after iteration ${at}`).waitFor();
  await page.getByRole('button', { name: 'Begin a new run instead' }).click();
  expect(await page.locator('#start').innerText()).toBe('Start');

  const weights = readdirSync(saved).filter((n) => !n.includes('.state.'));
  await page.locator('#checkpoint').setInputFiles(weights.map((n) => join(saved, n)));
  await page.getByText('gives the weights that a new run begins with').waitFor();
  expect(await page.getByLabel('Batch').isDisabled()).toBe(false);
  await page.locator('#checkpoint').setInputFiles(join(data, 'synth-pairs-train.csv'));
  await page.getByText(/synth-pairs-train\.csv is not a checkpoint of pose-gan: it is /).waitFor();
  expect(complaints).toEqual([]);
}, 240_000);

test('a folder is checked as on the command line, and gives the same batches as the drawn people', async () => {
  const { page, complaints, heard } = await opened();
  await page.getByText('Your folder').click();
  await page.locator('#start').click();
  await page.getByText(/No dataset is chosen/).waitFor();

  const empty = join(folder, 'empty');
  mkdirSync(empty);
  writeFileSync(join(empty, 'notes.txt'), 'nothing');
  await page.locator('#folder').setInputFiles(empty);
  await page.getByText(/empty holds no dataset/).waitFor();

  const broken = join(folder, 'broken');
  cpSync(data, broken, { recursive: true });
  const table = join(broken, 'synth-annotation-train.csv');
  const good = readFileSync(table, 'utf8');
  writeFileSync(table, good.replace(': [', ': [7, '));
  await page.locator('#folder').setInputFiles(broken);
  await page.getByText('broken holds one dataset').waitFor();
  expect(await page.locator('#dataset').inputValue()).toBe('synth');
  await page.locator('#start').click();
  await page.locator('#problem').waitFor();
  const options = { name: 'synth', split: 'train', height: 64, width: 32, skeleton: PERSON, workers: 1 } as const;
  const message = (where: string) => openDataset({ folder: where, ...options }).catch((e: Error) => e.message);
  const asThere = async () => String(await message(broken)).replaceAll(broken, 'broken');
  expect(await asThere()).toMatch(/row 2: .*19 values/);
  expect(await page.locator('#problem').innerText()).toBe(await asThere());

  writeFileSync(table, good);
  await page.locator('#folder').setInputFiles(broken);
  await page.getByLabel('Image size').selectOption('market');
  await page.locator('#start').click();
  await page.locator('#problem', { hasText: 'Fix: “Fit images of another size” resizes it' }).waitFor();
  await page.getByLabel('Image size').selectOption('small');

  const pairs = parsePairs(readFileSync(join(broken, 'synth-pairs-train.csv'), 'utf8'), 'pairs').pairs;
  const image = pairs[0]?.[0] ?? '';
  const path = join(broken, 'synth-dataset', 'train', image);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length / 2)));
  await page.locator('#folder').setInputFiles(broken);
  await page.locator('#start').click();
  await page.locator('#problem', { hasText: `${image} is not a usable image` }).waitFor();

  await drop(page, data);
  await page.getByText('data holds one dataset').waitFor();
  await page.locator('#start').click();
  await until(() => iteration(page)).toBeGreaterThanOrEqual(1);
  const [first] = await heard.rows();
  const { seconds: _, ...now } = first ?? { seconds: 0 };
  expect(rows[0]).toMatchObject(now);
  expect(complaints).toEqual([]);
}, 240_000);

test('a lost device is reported and replaced, and the run continues from its last snapshot with the same losses', async () => {
  const { page, complaints, heard } = await opened({ snapshotEvery: 3 });
  await page.locator('#start').click();
  await until(() => iteration(page)).toBeGreaterThanOrEqual(4);
  await heard.loseDevice();
  const said = page.getByText(/GPU device was lost .* Training continues on a new one from iteration \d+/);
  await said.waitFor();
  const from = Number(/from iteration (\d+)/.exec(await said.innerText())?.[1]);
  await until(() => iteration(page)).toBeGreaterThanOrEqual(8);
  const seen = await heard.rows();
  expect(from % 3).toBe(0);
  for (const [i, { step }] of seen.entries())
    if (i && step !== (seen[i - 1]?.step ?? 0) + 1) expect(step).toBe(from + 1);
  const repeats = seen.map(({ seconds: _, ...row }) => row);
  for (const row of repeats) expect(rows[row.step - 1]).toMatchObject(row);
  expect(repeats.at(-1)?.step).toBeGreaterThanOrEqual(8);
  expect(complaints).toEqual([]);
}, 240_000);
