import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/gpu/engine.js';
import { open } from '../../src/node.js';
import { shareDevice } from '../gpu.js';
import { Session } from './session.js';
import { generatePerson, generateSmall, trainSmall } from './work.js';

shareDevice();

const CHECKPOINT = '/checkpoint.safetensors';
const ITERATIONS = 20;

let session: Session;
/** Node uses SwiftShader like the browser, so that both do the same arithmetic. */
let node: Engine;
let trained: Awaited<ReturnType<typeof trainSmall>>;
beforeAll(async () => {
  node = await open({ adapter: 'swiftshader', tuning: false });
  session = await Session.open();
  trained = await trainSmall(node, ITERATIONS);
  session.site.files.set(CHECKPOINT, trained.checkpoint);
}, 240_000);
afterAll(async () => {
  expect(session.complaints).toEqual([]);
  await session.close();
  node.device.destroy();
});

test.each(readdirSync('test/fixtures').filter((f) => f.endsWith('.safetensors')))('%s', async (name) => {
  expect(await session.check('verify', name)).toMatchObject({ status: 'passed' });
});

test('twenty training iterations have the same losses as in Node', async () => {
  const losses = await session.here('train', ITERATIONS);
  expect(losses).toHaveLength(ITERATIONS);
  for (const [i, most] of [
    [0, 1e-4],
    [ITERATIONS - 1, 0.01],
  ] as const)
    for (const name of ['discriminator', 'adversarial', 'reconstruction'] as const) {
      const [got, want] = [losses[i]?.[name] as number, trained.losses[i]?.[name] as number];
      expect(Math.abs(got - want) / want, `${name} of iteration ${i + 1}: ${got}, in Node ${want}`).toBeLessThan(most);
    }
  expect(losses.at(-1)).not.toEqual(losses[0]);
}, 300_000);

describe('a checkpoint made in Node', () => {
  /** The largest difference of values in [−1, 1]. */
  const furthest = (got: readonly number[], want: Float32Array) =>
    want.reduce((most, w, i) => Math.max(most, Math.abs(w - (got[i] ?? Number.NaN))), 0);

  test('generates the same pictures in the page and in a worker', async () => {
    const want = await generateSmall(node, trained.checkpoint);
    expect(Math.max(...want) - Math.min(...want)).toBeGreaterThan(0.1);
    expect(furthest(await session.here('generate', CHECKPOINT), want)).toBeLessThan(1e-4);
    expect(furthest(await session.inWorker('generate', CHECKPOINT), want)).toBeLessThan(1e-4);
  });
});

describe('the README’s example', () => {
  /** The modules that the page imported on demand. */
  const neededLater = new Set<string>();

  test('runs as printed on the built package, and shows the picture that Node generates', async () => {
    const example = /```html\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))?.[1] ?? '';
    for (const f of readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.js')))
      session.site.files.set(`/dist/${f}`, readFileSync(`dist/${f}`));
    const imports = { 'webgpu-pose-gan/browser': '/dist/browser.js', 'webgpu-pose-gan/model': '/dist/model.js' };
    const head = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script><body></body>`;
    session.site.files.set('/example.html', new TextEncoder().encode(head + example));
    const page = await (await session.browser.newContext()).newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('request', (request) => {
      const [, module] = /\/dist\/((?:gpu|compiler|kernels|software)\/.*)\.js$/.exec(request.url()) ?? [];
      if (module) neededLater.add(`src/${module}.ts`);
    });
    await page.goto(`${session.site.url}example.html`);
    await page.waitForFunction(() => document.querySelector('canvas') !== null, undefined, { timeout: 100_000 });
    const shown = await page.evaluate(() => {
      const canvas = document.querySelector('canvas') as HTMLCanvasElement;
      return [
        ...(canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, canvas.height).data,
      ];
    });
    expect(errors).toEqual([]);
    const want = await generatePerson(node, trained.checkpoint);
    const got = shown.filter((_, i) => i % 4 < 3);
    expect(got).toHaveLength(want.data.length);
    // A value at the boundary of two levels may round to either.
    expect(got.every((v, i) => Math.abs(v - (want.data[i] as number)) <= 1)).toBe(true);
    expect(new Set(got).size).toBeGreaterThan(10);
  });

  test('loads only the modules whose size is limited', () => {
    const size = JSON.parse(execFileSync(process.execPath, ['scripts/size.mjs', '--json'], { encoding: 'utf8' }));
    // This adapter runs on the CPU, where a module of src/software imports the kernels of an op and adds others.
    const onCpu = ['src/software/index.ts', 'src/software/textures.ts'];
    const onGpu = [...neededLater]
      .filter((module) => !onCpu.includes(module))
      .map((module) => module.replace(/^src\/software\/(\w+)\.ts$/, 'src/kernels/$1/kernels.ts'));
    expect(onGpu.sort()).toEqual(size.generates);
  });
});
