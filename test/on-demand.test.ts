import { expect, test } from 'vitest';
import { type Arg, type Call, grid, onlyKernel } from '../src/autograd/kernel.js';
import { input } from '../src/autograd/leaves.js';
import { apply, defineOp, f32 } from '../src/autograd/op.js';
import { compile } from '../src/compiler/compile.js';
import { UsageError } from '../src/gpu/errors.js';
import { readShader } from '../src/gpu/shader.js';
import { sharedEngine } from './gpu.js';

const twice = await readShader(
  'twice/naive',
  `struct Params { count: u32 }
  @group(0) @binding(0) var<uniform> p: Params;
  @group(0) @binding(1) var<storage, read> x: array<f32>;
  @group(0) @binding(2) var<storage, read_write> y: array<f32>;
  @compute @workgroup_size(64)
  fn main(@builtin(global_invocation_id) id: vec3u) { if (id.x < p.count) { y[id.x] = 2.0 * x[id.x]; } }`,
);

test('the first compile loads the kernels once, and loads them again if that failed', async () => {
  let loads = 0;
  let offline = true;
  const kernels = onlyKernel<Call<null, { x: Arg; y: Arg }>>({
    name: 'naive',
    launch: ({ arg: { y } }) => {
      const count = y.rows * y.channels;
      return { dispatches: [{ shader: twice, params: { count }, workgroups: grid(count, 64) }] };
    },
  });
  const op = defineOp({
    name: 'twice',
    args: { x: f32 },
    results: { y: f32 },
    infer: ({ x }, _: null) => ({ y: x }),
    kernels: async () => {
      loads++;
      if (offline) throw new TypeError('Failed to fetch');
      return { kernels };
    },
  });
  const engine = await sharedEngine();
  const { y } = apply(op, { x: input('x', [3]) }, null);
  expect(loads).toBe(0);

  const failure = compile(engine, { y });
  await expect(failure).rejects.toThrow(UsageError);
  await expect(failure).rejects.toThrow('the kernels of twice cannot be loaded: Failed to fetch. Serve every file');

  offline = false;
  const [plan, other] = await Promise.all([compile(engine, { y }), compile(engine, { y })]);
  expect(loads).toBe(2);
  plan.run({ x: Float32Array.of(1, 2, 3) });
  expect(await plan.read('y')).toEqual(Float32Array.of(2, 4, 6));
  for (const p of [plan, other]) p.destroy();
});
