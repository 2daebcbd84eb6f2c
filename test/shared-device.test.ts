import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { compile } from '../src/compiler/compile.js';
import type { Plan } from '../src/compiler/plan.js';
import { Engine, GPU_BUFFER } from '../src/gpu/engine.js';
import { GpuValidationError, OutOfMemoryError, ShaderError } from '../src/gpu/errors.js';
import { readShader } from '../src/gpu/shader.js';
import { relu } from '../src/kernels/elementwise/elementwise.js';
import { open } from '../src/node.js';

/** A device that its owner uses as well, and two engines on it. */
let device: GPUDevice;
let engine: Engine;
let other: Engine;
let plan: Plan;
/** The errors that the owner's handler received. */
let heard: string[];

beforeAll(async () => {
  ({ device } = await open({ tuning: false }));
  device.addEventListener('uncapturederror', (event) => heard.push((event as GPUUncapturedErrorEvent).error.message));
  engine = new Engine(device, { label: 'one' });
  other = new Engine(device, { label: 'two' });
  plan = await compile(engine, { y: relu(input('x', [3])) });
});
beforeEach(() => {
  heard = [];
});
afterAll(() => device.destroy());

const X = Float32Array.of(-1, 2, -3);

async function expectRight(): Promise<void> {
  plan.run({ x: X });
  expect([...(await plan.read('y'))]).toEqual([0, 2, 0]);
}

/** Makes a mistake of the owner: no buffer can be mapped for both reading and writing. */
const mistake = () => device.createBuffer({ label: 'of the owner', size: 4, usage: 0x1 | 0x2 });

/** Submits a command of an engine that the device refuses, because it copies from a destroyed buffer. */
function refused(by: Engine): void {
  const [from, to] = [0, 1].map(() => by.buffer('a copy', 16, GPU_BUFFER.COPY_SRC | GPU_BUFFER.COPY_DST));
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(from as GPUBuffer, 0, to as GPUBuffer, 0, 16);
  from?.destroy();
  by.submit(encoder, 'the copy');
}

/** Expects the owner's stack of error scopes to be empty. */
async function expectBalanced(): Promise<void> {
  expect(await device.popErrorScope().then(() => 'a scope', String)).not.toBe('a scope');
}

describe('the owner’s errors', () => {
  test('fail no call of the engine, neither before, between nor after them', async () => {
    mistake();
    await expectRight();
    plan.run({ x: X });
    mistake();
    await device.queue.onSubmittedWorkDone();
    expect([...(await plan.read('y'))]).toEqual([0, 2, 0]);
    mistake();
    await engine.idle();
    const again = await compile(engine, { y: relu(input('x', [2])) });
    again.run({ x: Float32Array.of(-5, 5) });
    expect([...(await again.read('y'))]).toEqual([0, 5]);
    again.destroy();
    expect(heard.length).toBe(3);
    await expectBalanced();
  });

  test('of any kind do not affect the engine', () => {
    const listeners: string[] = [];
    const spied = new Proxy(device, {
      get(target, key) {
        if (key === 'addEventListener') return (type: string) => listeners.push(type);
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set(_, key) {
        listeners.push(String(key));
        return true;
      },
    });
    new Engine(spied);
    expect(listeners).toEqual([]);
  });

  test('in a scope of the owner reach that scope and no other', async () => {
    device.pushErrorScope('validation');
    mistake();
    await expectRight();
    expect((await device.popErrorScope())?.message).toMatch(/of the owner/);
    expect(heard).toEqual([]);
    await expectBalanced();
  });
});

describe('an engine’s errors', () => {
  test('are thrown once, typed and labelled, and only by that engine', async () => {
    refused(engine);
    await other.idle();
    const error = await engine.idle().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GpuValidationError);
    expect(String(error)).toMatch(/^GpuValidationError: the copy: .*destroyed/s);
    await expectRight();
    expect(heard).toEqual([]);
    await expectBalanced();
  });

  test('reach no scope of the owner', async () => {
    for (const filter of ['validation', 'out-of-memory', 'internal'] as const) {
      device.pushErrorScope(filter);
      refused(engine);
      expect(await device.popErrorScope()).toBeNull();
      await expect(engine.idle()).rejects.toThrow(GpuValidationError);
    }
    expect(heard).toEqual([]);
    await expectBalanced();
  });

  test('are thrown by a refused shader, bind group, write and read', async () => {
    const bad = await readShader('bad/one', '@compute @workgroup_size(1) fn main() { nothing = 1; }');
    await expect(engine.pipeline(bad)).rejects.toThrow(ShaderError);

    const code = '@group(0) @binding(0) var<storage, read_write> y: array<f32>;';
    const pipeline = await engine.pipeline(
      await readShader('good/one', `${code}@compute @workgroup_size(1) fn main() { y[0] = 1; }`),
    );
    engine.bindGroup('no entries', pipeline, []);
    await expect(engine.idle()).rejects.toThrow(/^no entries: /);

    const buffer = engine.buffer('gone', 16, GPU_BUFFER.COPY_DST | GPU_BUFFER.COPY_SRC);
    engine.write(buffer, 8, new Float32Array(4));
    await expect(engine.idle()).rejects.toThrow(/^write one:gone: /);
    buffer.destroy();
    await expect(engine.readBuffer(buffer)).rejects.toThrow(/^read-back: .*destroyed/s);

    await expectRight();
    expect(heard).toEqual([]);
    await expectBalanced();
  });

  test('have a type for each kind, whatever the call', async () => {
    for (const [kind, type, message] of [
      ['validation', GpuValidationError, /some call: the reason$/],
      ['out-of-memory', OutOfMemoryError, /some call: the device could not allocate memory \(the reason\)/],
      ['internal', GpuValidationError, /some call: internal error: the reason$/],
    ] as const) {
      const scopes: string[] = [];
      const failing = new Proxy(device, {
        get(target, key) {
          if (key === 'pushErrorScope') return (filter: string) => scopes.push(filter);
          if (key === 'popErrorScope')
            return () => Promise.resolve(scopes.pop() === kind ? { message: 'the reason' } : null);
          const value = Reflect.get(target, key, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      const starved = new Engine(failing);
      starved.scoped('some call', () => {});
      const error = await starved.idle().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(type);
      expect(String(error)).toMatch(message);
      expect(scopes).toEqual([]);
    }
  });

  test('leave no scope open when a call throws', async () => {
    expect(() =>
      engine.scoped('thrown', () => {
        throw new RangeError('in between');
      }),
    ).toThrow(RangeError);
    await expectBalanced();
    await expectRight();
  });
});
