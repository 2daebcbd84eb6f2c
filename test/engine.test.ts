import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { input } from '../src/autograd/leaves.js';
import { apply } from '../src/autograd/op.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import { Engine } from '../src/gpu/engine.js';
import { DeviceLostError, LimitError, OutOfMemoryError, ShaderError } from '../src/gpu/errors.js';
import { readShader } from '../src/gpu/shader.js';
import { relu } from '../src/kernels/elementwise/elementwise.js';
import { nearestNeighbourDistance } from '../src/kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
import { throttledWait } from '../src/node/wait.js';
import { adapters, open } from '../src/node.js';
import { customOp } from './custom-op.js';
import { sharedEngine } from './gpu.js';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** Makes an op of one kernel with this source. */
async function custom(name: string, code: string, workgroups: readonly [number, number, number] = [1, 1, 1]) {
  const mine = await readShader(`${name}/mine`, code);
  return customOp(name, () => ({ dispatches: [{ shader: mine, workgroups }] }));
}

const HEAD = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
`;

describe('typed errors', () => {
  test('the error of a shader that does not compile has label, line, column, source line and caret', async () => {
    const broken = await custom(
      'broken',
      `${HEAD}@compute @workgroup_size(1)\nfn main() {\n  y[0] = nonsense(x[0]);\n}\n`,
    );
    const attempt = compile(engine, { y: apply(broken, { x: input('x', [4]) }, null).y });
    await expect(attempt).rejects.toThrow(ShaderError);
    await expect(attempt).rejects.toMatchObject({ label: 'broken/mine', line: 5, column: 10 });
    await expect(attempt).rejects.toThrow(
      /broken\/mine: line 5:10: .*nonsense[\s\S]*\n {2} {2}y\[0\] = nonsense\(x\[0\]\);\n {11}\^/,
    );
    // The engine is still usable.
    const plan = await compile(engine, { y: relu(input('x', [4])) });
    plan.destroy();
  });

  test('a variable that is not an argument of the op is named', async () => {
    const stray = await custom(
      'stray',
      `${HEAD.replace(' x:', ' elsewhere:')}@compute @workgroup_size(1) fn main() { y[0] = elsewhere[0]; }`,
    );
    await expect(compile(engine, { y: apply(stray, { x: input('x', [4]) }, null).y })).rejects.toThrow(
      /elsewhere is neither/,
    );
  });

  test('a tensor over the binding limit is refused before any allocation, with op, shape and limit', async () => {
    const most = engine.device.limits.maxStorageBufferBindingSize;
    const rows = Math.floor(most / 4 / 1024) + 1;
    const { buffers } = engine.counters;
    const attempt = compile(engine, { y: relu(input('x', [rows, 1024])) });
    await expect(attempt).rejects.toThrow(LimitError);
    await expect(attempt).rejects.toThrow(
      new RegExp(`relu.*\\[${rows}×1024\\].*maxStorageBufferBindingSize.*allows ${most}`),
    );
    expect(engine.counters.buffers).toBe(buffers);
  });

  test('a size beyond all devices is refused before kernels split their work over it', async () => {
    const [a, b] = ['a', 'b'].map((name) => input(name, [9e14, 8, 8, 4])) as [Tensor, Tensor];
    await expect(compile(engine, { y: nearestNeighbourDistance(a, b, { window: 3 }) })).rejects.toThrow(
      /nearestNeighbourDistance: input\/a\[900000000000000×8×8×4\]: needs maxStorageBufferBindingSize ≥ 921600000000000000/,
    );
  });

  test('a dispatch over the workgroup limit is refused', async () => {
    const code = `${HEAD}@compute @workgroup_size(1) fn main() { y[0] = x[0]; }`;
    const op = await custom('wide', code, [65536, 1, 1]);
    await expect(compile(engine, { y: apply(op, { x: input('x', [4]) }, null).y })).rejects.toThrow(
      /wide\/mine.*maxComputeWorkgroupsPerDimension ≥ 65536/,
    );
  });

  test('the error for exhausted memory has the label and the bytes', async () => {
    // This device refuses one allocation, as a full GPU does.
    const scopes: string[] = [];
    let refuse = true;
    const device = new Proxy(engine.device, {
      get(target, key) {
        if (key === 'pushErrorScope') return (filter: string) => scopes.push(filter);
        if (key === 'popErrorScope')
          return () => {
            const out = scopes.pop() === 'out-of-memory' && refuse;
            if (out) refuse = false;
            return Promise.resolve(out ? { message: 'VK_ERROR_OUT_OF_DEVICE_MEMORY' } : null);
          };
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const starved = new Engine(device, { adapterInfo: engine.device.adapterInfo });
    const attempt = compile(starved, { y: relu(input('x', [4, 16])) });
    await expect(attempt).rejects.toThrow(OutOfMemoryError);
    await expect(attempt).rejects.toThrow(
      /relu.*\[4×16\].*could not allocate 256 bytes.*VK_ERROR_OUT_OF_DEVICE_MEMORY/,
    );
  });

  test('a lost device rejects pending and all later work', async () => {
    const other = await open();
    const plan = await compile(other, { y: relu(input('x', [4])) });
    plan.run({ x: new Float32Array(4) });
    const pending = plan.read('y');
    pending.catch(() => {});
    other.device.destroy();
    await expect(pending).rejects.toThrow(DeviceLostError);
    await other.device.lost;
    expect(() => plan.run()).toThrow(DeviceLostError);
    await expect(other.idle()).rejects.toThrow(DeviceLostError);
  });

  test('a promise that fails just before its device is lost rejects with that loss; others keep their own error', async () => {
    const other = await open();
    await expect(other.wait(Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    const unmapped = other.wait(Promise.reject(new Error('the buffer was unmapped')));
    unmapped.catch(() => {});
    setTimeout(() => other.device.destroy(), 20);
    await expect(unmapped).rejects.toThrow(DeviceLostError);
  });
});

describe('devices', () => {
  test('the core takes a device that the caller owns and leaves its handlers alone', async () => {
    const { device } = await open();
    const handler = () => {};
    device.onuncapturederror = handler;
    const mine = new Engine(device, { label: 'mine' });
    const plan = await compile(mine, { y: relu(input('x', [3])) });
    plan.run({ x: Float32Array.of(-1, 2, -3) });
    expect([...(await plan.read('y'))]).toEqual([0, 2, 0]);
    expect(device.onuncapturederror).toBe(handler);
    plan.destroy();
    device.destroy();
  });

  test('an adapter can be named by part of its name in any case, and the error for a wrong name lists all adapters', async () => {
    const [best] = await adapters();
    const part = (best?.name ?? '').slice(0, 5).toUpperCase();
    const named = await open({ adapter: part });
    expect(named.adapterName).toBe(best?.description);
    named.device.destroy();
    await expect(open({ adapter: 'no-such-gpu' })).rejects.toThrow(
      new RegExp(`no adapter matches "no-such-gpu".*${best?.name.slice(0, 5)}`),
    );
  });

  test('only src/node.ts imports webgpu, and nothing in the core names a global gpu', () => {
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
    const matching = (pattern: RegExp) => sources.filter((f) => pattern.test(readFileSync(join('src', f), 'utf8')));
    expect(matching(/(from|import\() *'webgpu'/)).toEqual(['node.ts']);
    expect(matching(/navigator\.gpu|globalThis/)).toEqual([]);
  });
});

test('waiting sleeps instead of spinning, in one loop for any number of waiters', async () => {
  const wait = throttledWait(true);
  let turns = 0;
  let counting = true;
  const count = () => {
    turns++;
    if (counting) setImmediate(count);
  };
  const start = performance.now();
  setImmediate(count);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await Promise.all([wait(pause(100)), wait(pause(60)), wait(pause(80))]);
  for (let i = 0; i < 10; i++) await wait(pause(5));
  counting = false;
  // Each turn of the event loop takes at least as long as the sleep of 0.3 ms.
  expect(turns).toBeLessThanOrEqual((performance.now() - start) / 0.3 + 20);
  expect(turns).toBeGreaterThan(10);
});
