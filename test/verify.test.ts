import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { main } from '../src/cli/main.js';
import { readSafetensors, toFloat64, writeSafetensors } from '../src/data/safetensors.js';
import type { Engine } from '../src/gpu/engine.js';
import { relativeError, verifyFile } from '../src/verify/verify.js';
import { shareDevice, sharedEngine } from './gpu.js';

shareDevice();

const FOLDER = 'test/fixtures';
const files = readdirSync(FOLDER).filter((f) => f.endsWith('.safetensors'));

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

test.each(files)('%s passes', async (name) => {
  const verdict = await verifyFile(engine, name, readFileSync(join(FOLDER, name)));
  expect(verdict).toMatchObject({ status: 'passed' });
});

/** Makes a copy of a fixture with one value of one tensor changed. */
function altered(name: string, tensor: string, by: number): Uint8Array {
  const { metadata, tensors } = readSafetensors(readFileSync(join(FOLDER, name)), name);
  const copy = new Map([...tensors].map(([k, t]) => [k, { shape: t.shape, data: Float32Array.from(toFloat64(t)) }]));
  const data = copy.get(tensor)?.data as Float32Array;
  data[data.length - 1] = (data[data.length - 1] as number) + by;
  return writeSafetensors(copy, metadata);
}

test.each(['y', 'g_x', 'g_w'])('a wrong number in %s is a failure that names it', async (tensor) => {
  const verdict = await verifyFile(engine, 'altered.safetensors', altered('conv2d_10.safetensors', tensor, 0.1));
  expect(verdict).toMatchObject({ status: 'failed', worst: tensor });
});

test('for files that cannot be run, the error says why', async () => {
  const strange = writeSafetensors(new Map([['x', { shape: [1], data: Float32Array.of(1) }]]), { op: 'fft' });
  expect(await verifyFile(engine, 'fft.safetensors', strange)).toEqual({
    status: 'unsupported',
    reason: 'no reader for op fft',
  });
  expect(await verifyFile(engine, 'x.json', new TextEncoder().encode('{}'))).toMatchObject({ status: 'unsupported' });
  expect(await verifyFile(engine, 'x.json', strange)).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(/not JSON/),
  });
  const cut = readFileSync(join(FOLDER, 'relu_00.safetensors')).subarray(0, 900);
  expect(await verifyFile(engine, 'cut.safetensors', cut)).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(/cut short/),
  });
  const empty = writeSafetensors(new Map([['x', { shape: [2], data: Float32Array.of(1, 2) }]]), { op: 'relu' });
  expect(await verifyFile(engine, 'empty.safetensors', empty)).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(/no tensor/),
  });
});

test('values that are not finite and arrays of another length never pass', () => {
  expect(relativeError([1, 2], [1, 2])).toBe(0);
  expect(relativeError([1, 2.5], [1, 2])).toBe(0.25);
  expect(relativeError([0, 1e-9], [0, 0])).toBe(Number.POSITIVE_INFINITY);
  expect(relativeError([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
  expect(relativeError([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY);
});

describe('pose-gan', () => {
  let folder: string | undefined;
  afterEach(() => {
    vi.restoreAllMocks();
    if (folder) rmSync(folder, { recursive: true });
    folder = undefined;
  });

  /** Runs a command in this process. */
  async function run(...args: string[]) {
    let out = '';
    let err = '';
    vi.spyOn(console, 'log').mockImplementation((text) => {
      out += `${text}\n`;
    });
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += text;
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += text;
      return true;
    });
    const code = await main(args);
    vi.restoreAllMocks();
    return { code, out, err };
  }

  test('verify prints one line per file, then the count, and fails when a file fails', async () => {
    folder = mkdtempSync(join(tmpdir(), 'verify-'));
    writeFileSync(join(folder, 'a.safetensors'), readFileSync(join(FOLDER, 'relu_00.safetensors')));
    writeFileSync(join(folder, 'b.safetensors'), altered('relu_00.safetensors', 'g_x', 1));
    writeFileSync(join(folder, 'c.json'), '{}');
    const { code, out } = await run('verify', folder);
    expect(code).toBe(1);
    expect(out).toMatch(/^a\.safetensors {2}\S+ {2}pass {2}\(.*\)$/m);
    expect(out).toMatch(/^b\.safetensors {2}\S+ {2}FAIL {2}\(g_x\)$/m);
    expect(out).toMatch(/^c\.json {2}unsupported: /m);
    expect(out.trimEnd().split('\n').at(-1)).toBe('1 passed, 1 failed');
    const json = JSON.parse((await run('verify', '--json', folder)).out);
    expect(json).toMatchObject({ passed: 1, failed: 1, unsupported: 1 });
  });

  test('doctor shows every adapter with its limits and features, and which one will be used', async () => {
    const { code, out } = await run('doctor');
    expect(code).toBe(0);
    expect(out).toMatch(/maxStorageBufferBindingSize +\d+/);
    expect(out).toMatch(/timestamp-query +yes/);
    expect(out).toMatch(/^Will be used: /m);
    const json = JSON.parse((await run('doctor', '--json')).out);
    expect(json.adapters.map((a: { name: string }) => a.name)).toContain(json.used);
  });

  test('doctor fails for an adapter that does not exist', async () => {
    const { code, out } = await run('doctor', '--adapter', 'no-such-gpu');
    expect(code).toBe(1);
    expect(out).toMatch(/no adapter matches "no-such-gpu"/);
  });

  test('each command explains itself, and wrong usage exits with 2 and says what to do', async () => {
    for (const name of ['doctor', 'verify']) {
      const { code, out } = await run(name, '--help');
      expect(code).toBe(0);
      expect(out).toMatch(/--adapter VALUE[\s\S]*--json[\s\S]*Examples:/);
    }
    expect((await run('--help')).out).toMatch(/doctor[\s\S]*verify/);
    expect(await run()).toMatchObject({ code: 2 });
    expect(await run('fly')).toMatchObject({ code: 2, err: expect.stringMatching(/no command fly/) });
    expect(await run('verify')).toMatchObject({ code: 2, err: expect.stringMatching(/name one folder/) });
    expect(await run('verify', 'no/such/folder')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/is not a folder/),
    });
    expect(await run('verify', '--wings')).toMatchObject({ code: 2, err: expect.stringMatching(/--wings.*--help/s) });
    expect(await run('verify', '--adapter', 'no-such-gpu', FOLDER)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no adapter matches/),
    });
  });
});
