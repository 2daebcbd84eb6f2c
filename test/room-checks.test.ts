import { expect, test } from 'vitest';
import { grid, type Kernels, onlyKernel } from '../src/autograd/kernel.js';
import { apply, type CallOf, defineOp, strided } from '../src/autograd/op.js';
import { readShader } from '../src/gpu/shader.js';
import { nd } from '../src/kernels/oracle.js';
import { room } from '../src/kernels/room.js';
import { sharedEngine } from './gpu.js';
import { checkCase } from './room-checks.js';

/** y = x + 1, of which a kernel writes row r at `place`, an expression in WGSL. */
function plusOne(place: string) {
  const code = `
    struct Params { count: u32, channels: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32 }
    @group(0) @binding(0) var<uniform> p: Params;
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x >= p.count) { return; }
      let r = id.x / p.channels;
      let c = id.x % p.channels;
      y[${place} + c] = x[p.x_offset + r * p.x_stride + c] + 1.0;
    }`;
  const args = { x: strided };
  const results = { y: strided };
  type PlusOne = CallOf<null, typeof args, typeof results>;
  const kernels = async () => {
    const shader = await readShader('plusOne/naive', code);
    const only: Kernels<PlusOne> = onlyKernel({
      name: 'naive',
      launch: ({ arg: { y } }) => {
        const count = y.rows * y.channels;
        return { dispatches: [{ shader, params: { count, channels: y.channels }, workgroups: grid(count, 64) }] };
      },
    });
    return { kernels: only };
  };
  const op = defineOp({ name: 'plusOne', args, results, infer: ({ x }, _: null) => ({ y: x }), kernels });
  return room(op, {
    name: 'plusOne',
    build: ({ x }) => ({ y: apply(op, { x }, null).y }),
    forward: ({ x }) => ({ y: nd(x.shape, (i) => (x.data[i] as number) + 1) }),
    cases: [{ name: '2×2×3', inputs: { x: { shape: [2, 2, 3], fill: (i: number) => i } }, attrs: null }],
    refuses: [],
  });
}

async function problemsOf(place: string): Promise<readonly string[]> {
  const wrong = plusOne(place);
  return (await checkCase(await sharedEngine(), wrong, wrong.cases[0] as (typeof wrong.cases)[number])).problems;
}

test('a right kernel has no problem', async () => {
  expect(await problemsOf('p.y_offset + r * p.y_stride')).toEqual([]);
});

test('of a kernel that ignores the stride, the report names the first wrong element and every place outside', async () => {
  const problems = await problemsOf('p.y_offset + r * p.channels');
  const at = '2×2×3 with gap 4 after each row, by plusOne/naive: ';
  expect(problems[0]).toBe(
    `${at}y[0, 1, 0] is 8, but the oracle’s is 4; 9 of 12 elements of y are wrong (NMSE Infinity)`,
  );
  expect(problems[1]).toBe(`${at}y has other bits than in run 1 (only in run 3 of 3)`);
  expect(problems[2]).toBe(`${at}the kernel wrote outside plusOne[2×2×3], at element 7 of its buffer`);
  expect(problems.filter((text) => text.includes('y[0, 1, 0]'))).toHaveLength(2); // once for each gap, not for each run
});

test('of a kernel that swaps rows, the report shows what was computed and what was expected', async () => {
  const [problem] = await problemsOf('p.y_offset + (3u - r) * p.y_stride');
  expect(problem).toMatch(
    /: y\[0, 0, 0\] is 10, but the oracle’s is 1; 12 of 12 elements of y are wrong \(NMSE 0\.\d+\)$/,
  );
});
