import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installPacked } from '../scripts/packed.mjs';

/** The packages that contain these versions of TypeScript. */
const COMPILERS = { '5.7': 'test/oldest-typescript/package.json', '6.0': 'package.json' };
const MODULES = { bundler: 'esnext', nodenext: 'nodenext' };

/** This program names no object of WebGPU, so it needs no declarations of WebGPU. */
const NODE = `
import { compile, conv2d, input, ParameterSet, type Plan } from 'webgpu-pose-gan';
import { fromCheckpoint, Generator, generatorParameters } from 'webgpu-pose-gan/model';
import { open } from 'webgpu-pose-gan/node';

const engine = await open({ adapter: 'swiftshader', tuning: false });
const net = new ParameterSet('net');
const w = net.parameter('w', [3, 3, 1, 1], () => 0);
const plan: Plan = await compile(engine, { y: conv2d(input('x', [1, 8, 8, 1]), w, { pad: 1 }) });
plan.run({ x: new Float32Array(64) });
export const y: Float32Array | Uint32Array = await plan.read('y');

const checkpoint = fromCheckpoint(new Uint8Array(8), 'file');
export const model = await Generator.create(engine, checkpoint.info.config, 1, { set: generatorParameters(checkpoint) });

// @ts-expect-error A value is an array of numbers.
plan.run({ x: 'text' });
// @ts-expect-error The entry for Node takes the name of an adapter.
await open({ adapter: 1 });
`;

/** This program uses the device of the engine directly. */
const NODE_AND_DEVICE = `
import { open } from 'webgpu-pose-gan/node';

const engine = await open();
export const buffer: GPUBuffer = engine.device.createBuffer({ size: 4, usage: 8 });
engine.device.destroy();
// @ts-expect-error A size is a number.
engine.device.createBuffer({ size: 'large', usage: 8 });
`;

const PAGE = `
import { compile, input, loadTuning, open, square } from 'webgpu-pose-gan/browser';
import { drawSynthetic, Generator } from 'webgpu-pose-gan/model';

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error('no adapter');
const engine = await open({ device: await adapter.requestDevice() });
engine.tuning = (await loadTuning(engine.adapter, indexedDB)).tuning;
const plan = await compile(engine, { y: square(input('x', [4])) });
plan.run({ x: Float32Array.of(1, 2, 3, 4) });
document.body.append(String(await plan.read('y')), String(Generator), String(drawSynthetic));

// @ts-expect-error The page's own device is a GPUDevice.
await open({ device: adapter });
`;

/** The first example of the README. */
const EXAMPLE = /```ts\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))?.[1] ?? '';

/**
 * Projects of users: their programs by file, with the library and the declarations that the README tells them to list.
 */
const users = (version: string) => ({
  node: { programs: { 'program.ts': NODE, 'example.ts': EXAMPLE }, lib: ['ES2022'], types: ['node'] },
  device: { programs: { 'device.ts': NODE_AND_DEVICE }, lib: ['ES2022'], types: ['node', '@webgpu/types'] },
  page: {
    programs: { 'page.ts': PAGE },
    lib: ['ES2022', 'DOM'],
    types: version === '6.0' ? [] : ['@webgpu/types'],
  },
});

/** The declarations that `@webgpu/types` itself misses in a program without the DOM library. */
const MISSING_THERE = /^\S*node_modules\/@webgpu\/types\/\S+: error TS(2304|2552): Cannot find name /;

let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'declarations-'));
  installPacked(project);
  for (const scope of ['@types', '@webgpu']) mkdirSync(join(project, 'node_modules', scope));
  for (const name of ['@types/node', '@webgpu/types'])
    symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

/** Compiles the programs of every user with both ways of module resolution, and returns the errors of the compiler. */
async function complaints(version: keyof typeof COMPILERS): Promise<string[]> {
  const projects: string[] = [];
  const compiled: string[] = [];
  for (const [moduleResolution, module] of Object.entries(MODULES))
    for (const [user, { programs, lib, types }] of Object.entries(users(version))) {
      const folder = join(project, version, moduleResolution, user);
      mkdirSync(folder, { recursive: true });
      const options = { module, moduleResolution, lib, types, target: 'es2022', strict: true, skipLibCheck: false };
      const config = { compilerOptions: { ...options, outDir: 'out' } };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
      for (const [file, text] of Object.entries(programs)) {
        writeFileSync(join(folder, file), text);
        compiled.push(join(folder, 'out', file.replace('.ts', '.js')));
      }
      projects.push(folder);
    }
  const { resolve: find } = createRequire(resolve(COMPILERS[version]));
  expect(JSON.parse(readFileSync(find('typescript/package.json'), 'utf8')).version).toMatch(`${version}.`);
  const args = [find('typescript/bin/tsc'), '-b', '--pretty', 'false', ...projects];
  const run = promisify(execFile)(process.execPath, args);
  const { stdout } = await run.catch((failure: { stdout: string }) => failure);
  // A compiler that did not start reports no errors.
  expect(compiled.filter((file) => !existsSync(file))).toEqual([]);
  return stdout.split('\n').filter(Boolean);
}

test.concurrent.each(['5.7', '6.0'] as const)('TypeScript %s takes the packed declarations', async (version) => {
  const found = await complaints(version);
  expect(found.filter((line) => !MISSING_THERE.test(line))).toEqual([]);
});
