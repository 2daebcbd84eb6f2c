import { beforeAll, describe, expect, test } from 'vitest';
import type { Call, DeviceTraits } from '../src/autograd/kernel.js';
import { input } from '../src/autograd/leaves.js';
import type { Op } from '../src/autograd/op.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { loadRooms } from '../src/bench/ops.js';
import type { LaunchedCall } from '../src/compiler/kernel-call.js';
import { launchOf, refusalOf } from '../src/compiler/kernel-call.js';
import { kernelsOf } from '../src/compiler/load.js';
import { candidates } from '../src/compiler/shape-class.js';
import { chooseVariant } from '../src/compiler/variants.js';
import type { Engine } from '../src/gpu/engine.js';
import { readShader } from '../src/gpu/shader.js';
import { conv2d } from '../src/kernels/conv2d/conv2d.js';
import { conv2dWeightGradient } from '../src/kernels/conv2d/conv2dWeightGradient.js';
import { withTile } from '../src/kernels/conv2d/tiles.js';
import { convTranspose2d } from '../src/kernels/convTranspose2d/convTranspose2d.js';
import { rooms } from '../src/kernels/rooms.js';
import { sharedEngine } from './gpu.js';
import { launchesOf } from './passes.js';

/** A discrete GPU with the limits that WebGPU guarantees. */
const GPU: DeviceTraits = {
  limits: {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 28,
  } as GPUSupportedLimits,
  features: new Set(),
  software: false,
  subgroupSize: 0,
};

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  await loadRooms(rooms);
});

/** Returns the op that computes `y` and its call, as a device with these traits would get it. */
function callOf(y: Tensor, device: DeviceTraits): { op: Op; call: Call } {
  const { op, kernel } = launchesOf(engine, { y }).find((p) => p.node === y.node) as LaunchedCall;
  return { op, call: { ...kernel.call, device } };
}

/** Returns what the rule chooses: the name of the variant, and the total workgroups and the scratch of its launch. */
function choice(y: Tensor, device: Partial<DeviceTraits> = {}) {
  const { op, call } = callOf(y, { ...GPU, ...device });
  const { variant, launch } = chooseVariant(op, call);
  const { dispatches, scratch } = launch;
  const [x = 0, down = 0, z = 0] = dispatches[0]?.workgroups ?? [];
  return { name: variant.name, groups: x * down * z, dispatches: dispatches.length, scratch: scratch?.partials ?? 0 };
}

type Sizes = readonly [number, number, number, number];
const conv = (x: Sizes, w: Sizes, stride = 1) => conv2d(input('x', x), input('w', w), { stride, pad: 1 });
const up = (x: Sizes, w: Sizes) => convTranspose2d(input('x', x), input('w', w), { stride: 2, pad: 1 });
const weights = (x: Sizes, gy: Sizes, kernel: number, stride: number) =>
  conv2dWeightGradient(input('x', x), input('gy', gy), [kernel, kernel], {
    stride: [stride, stride],
    pad: [1, 1, 1, 1],
    dilation: [1, 1],
  });

describe('without a tuning, a GPU', () => {
  test('takes the largest tile for a large layer, without splitting', () => {
    const large = choice(conv([4, 256, 256, 128], [3, 3, 128, 128]));
    expect(large).toEqual({ name: 'tiled128x128', groups: 2048, dispatches: 1, scratch: 0 });
  });

  test('takes no tile wider than the result', () => {
    expect(choice(conv([2, 256, 256, 64], [3, 3, 64, 64])).name).toBe('tiled128x64');
    expect(choice(conv([4, 256, 256, 64], [3, 3, 64, 3])).name).toBe('tiled32x32');
    expect(choice(up([4, 64, 32, 256], [4, 4, 64, 256])).name).toBe('tiled128x64');
    const { op, call } = callOf(conv([2, 256, 256, 64], [3, 3, 64, 64]), GPU);
    expect(() => chooseVariant(op, call, 'tiled128x128')).toThrow(/too large a part of the tiles would be empty/);
  });

  const deep: [string, () => Tensor][] = [
    ['conv2d to 16×8', () => conv([4, 32, 16, 256], [4, 4, 256, 512], 2)],
    ['conv2d to 8×4', () => conv([4, 16, 8, 512], [4, 4, 512, 512], 2)],
    ['conv2d to 4×2', () => conv([4, 8, 4, 512], [4, 4, 512, 512], 2)],
    ['convTranspose2d to 4×2', () => up([4, 2, 1, 512], [4, 4, 512, 512])],
    ['convTranspose2d to 16×8', () => up([4, 8, 4, 1024], [4, 4, 512, 1024])],
    ['conv2dWeightGradient over 64×32', () => weights([4, 128, 64, 64], [4, 64, 32, 128], 4, 2)],
  ];
  test.each(deep)('splits the sums of %s until every core has work, within 32 MiB', (_, build) => {
    const { groups, dispatches, scratch } = choice(build());
    expect(dispatches).toBe(2);
    expect(groups).toBeGreaterThanOrEqual(256);
    expect(4 * scratch).toBeLessThanOrEqual(2 ** 25);
  });

  test('does not split the sums for the many weights of a deep layer', () => {
    const w = choice(weights([4, 8, 4, 512], [4, 4, 2, 512], 4, 2));
    expect(w).toEqual({ name: 'tiled128x128', groups: 256, dispatches: 1, scratch: 0 });
  });

  test('keeps to the limits of the device', () => {
    const large = () => conv([4, 256, 256, 128], [3, 3, 128, 128]);
    const limited = (limits: Partial<GPUSupportedLimits>) => ({ limits: { ...GPU.limits, ...limits } });
    expect(choice(large(), limited({ maxComputeInvocationsPerWorkgroup: 128 })).name).toBe('tiled128x64');
    expect(choice(large(), limited({ maxComputeWorkgroupStorageSize: 8192 })).name).toBe('tiled64x64');
    expect(choice(large(), limited({ maxComputeInvocationsPerWorkgroup: 16 })).name).toBe('registers');
    const { op, call } = callOf(large(), { ...GPU, ...limited({ maxComputeInvocationsPerWorkgroup: 128 }) });
    expect(() => chooseVariant(op, call, 'tiled128x128')).toThrow(/the device allows 128 invocations a workgroup/);
  });
});

test('the rule says why it takes a tile or none', () => {
  const reason = (y: Tensor, device: Partial<DeviceTraits> = {}) => {
    const { op, call } = callOf(y, { ...GPU, ...device });
    return chooseVariant(op, call).reason;
  };
  const large = () => conv([4, 256, 256, 128], [3, 3, 128, 128]);
  expect(reason(large())).toBe('tiles of 128×128 have the least estimated time for 262144×128 in 144 steps');
  expect(reason(conv([4, 8, 4, 512], [4, 4, 512, 512], 2))).toMatch(
    /^tiles of \d+×\d+, with each sum split into \d+ chunks, have the least estimated time for 32×512 in 1024 steps$/,
  );
  expect(reason(up([4, 64, 32, 256], [4, 4, 64, 256]))).toMatch(/time for 4 times 8192×64 in 128 steps$/);
  const small = { limits: { ...GPU.limits, maxComputeInvocationsPerWorkgroup: 16 } };
  expect(reason(large(), small)).toMatch(/^no tile fits both the device and the product; channels.* multiples of 4$/);
});

describe('an adapter that runs on the CPU', () => {
  const choices: [string, number, () => Tensor][] = [
    ['subgroupSplit', 8, () => conv([2, 16, 8, 512], [3, 3, 512, 64])],
    ['subgroup32x64', 4, () => conv([1, 8, 8, 64], [3, 3, 64, 64])],
    ['subgroup32x32', 4, () => conv([1, 8, 8, 64], [3, 3, 64, 32])],
    ['registers', 0, () => conv([1, 8, 8, 64], [3, 3, 64, 64])],
    ['scalar', 4, () => conv([1, 8, 8, 64], [3, 3, 64, 3])],
    ['subgroup32x64', 8, () => up([1, 8, 8, 64], [4, 4, 64, 64])],
    ['subgroup32x32', 8, () => up([1, 8, 8, 64], [4, 4, 32, 64])],
    ['registers', 0, () => up([1, 8, 8, 64], [4, 4, 64, 64])],
    ['scalar', 8, () => up([1, 8, 8, 3], [4, 4, 64, 3])],
    ['subgroupNarrow', 4, () => weights([1, 8, 8, 64], [1, 8, 8, 4], 3, 1)],
    ['subgroup32x64', 4, () => weights([1, 8, 8, 64], [1, 8, 8, 64], 3, 1)],
    ['subgroup32x32', 4, () => weights([1, 8, 8, 64], [1, 8, 8, 32], 3, 1)],
    ['split', 0, () => weights([1, 8, 8, 64], [1, 8, 8, 64], 3, 1)],
  ];
  test.each(choices)('takes %s, with subgroups of %i lanes', (name, subgroupSize, build) => {
    expect(choice(build(), { software: true, subgroupSize }).name).toBe(name);
  });

  test('does not time kernels with tiles, whose barriers are slow there, or kernels that do not suit', () => {
    const names = (y: Tensor) => {
      const { op, call } = callOf(y, { ...GPU, software: true, subgroupSize: 4 });
      return candidates(op, call).map((v) => v.name);
    };
    expect(names(conv([1, 8, 8, 64], [3, 3, 64, 64]))).toEqual([
      'subgroup32x64',
      'subgroup32x32',
      'registers',
      'scalar',
    ]);
    expect(names(conv([1, 8, 8, 64], [3, 3, 64, 32]))).toEqual(['subgroup32x32', 'registers', 'scalar']);
    expect(names(weights([1, 8, 8, 64], [1, 8, 8, 32], 3, 1))).toEqual(['subgroup32x32', 'split']);
  });
});

describe('every kernel that the sizes and alignments ask for is valid WGSL', () => {
  const aligned: [string, (c: number, o: number) => Tensor][] = [
    ['conv2d', (c, o) => conv([1, 20, 16, c], [3, 3, c, o])],
    ['convTranspose2d', (c, o) => up([1, 20, 16, c], [4, 4, o, c])],
    ['conv2dWeightGradient', (c, o) => weights([1, 16, 16, c], [1, 16, 16, o], 3, 1)],
  ];
  test.each(aligned)('for %s', async (_, build) => {
    const codes = new Set<string>();
    for (const [c, o] of [
      [124, 124],
      [123, 124],
      [124, 123],
      [123, 123],
    ] as const) {
      const { op, call } = callOf(build(c, o), GPU);
      const tiled = kernelsOf(op, GPU).variants.filter((v) => /tiled|splitK/.test(v.name));
      for (const v of tiled.filter((x) => refusalOf(x, call) === undefined))
        codes.add(launchOf(v, call).dispatches[0]?.shader.code ?? '');
    }
    expect(codes.size).toBeGreaterThanOrEqual(16);
    for (const code of codes) {
      const info = await engine.wait(engine.device.createShaderModule({ code }).getCompilationInfo());
      expect(info.messages.map((m) => `${m.lineNum}: ${m.message}`)).toEqual([]);
    }
  });

  test('a source without the lines to replace is refused', async () => {
    const t = { name: '32x32', m: 32, n: 32, width: 4, efficiency: 1 } as const;
    const source = await readShader('mine', 'const M = 8u; @compute @workgroup_size(1) fn main() {}');
    expect(() => withTile(source, t, [])).toThrow(/must contain .*const N/);
  });
});
