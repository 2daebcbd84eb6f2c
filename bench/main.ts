import { parseArgs } from 'node:util';
import { compile, nodesOf } from '../src/autograd/compile.js';
import { vectorJacobian } from '../src/autograd/gradients.js';
import { input } from '../src/autograd/leaves.js';
import { table } from '../src/autograd/plan.js';
import type { Tensor, TensorData } from '../src/autograd/tensor.js';
import type { Engine } from '../src/gpu/engine.js';
import { testNormal, testRandom } from '../src/kernels/oracle.js';
import type { Case, InputSpec, Room } from '../src/kernels/room.js';
import { rooms } from '../src/kernels/rooms.js';
import { open } from '../src/node.js';

/** One op of one case under one variant: median of several runs, timed by the GPU. */
interface Row {
  case: string;
  op: string;
  variant: string;
  ms: number;
  gflops: number;
  gbs: number;
}

function values(spec: InputSpec): TensorData {
  const random = testRandom(1);
  const n = spec.shape.reduce((a, b) => a * b, 1);
  const f = (i: number) => (spec.fill ? spec.fill(i, random) : testNormal(random));
  return spec.dtype === 'u32'
    ? Uint32Array.from({ length: n }, (_, i) => f(i))
    : Float32Array.from({ length: n }, (_, i) => f(i));
}

/** The forward results and, where the room has a gradient, that of every f32 input. */
function graph(room: Room, c: Case): { outputs: Record<string, Tensor>; feeds: Record<string, TensorData> } {
  const feeds: Record<string, TensorData> = {};
  const leaves: Record<string, Tensor> = {};
  for (const [name, spec] of Object.entries(c.inputs)) {
    leaves[name] = input(name, spec.shape, spec.dtype);
    feeds[name] = values(spec);
  }
  const outputs = room.build(leaves, c.attrs);
  if (!room.backward) return { outputs, feeds };
  const ys = Object.entries(outputs).filter(([, y]) => y.dtype === 'f32');
  const gys = ys.map(([name, y]) => {
    feeds[`gy_${name}`] = values({ shape: y.shape });
    return input(`gy_${name}`, y.shape);
  });
  for (const [name, x] of Object.entries(leaves)) {
    if (x.dtype !== 'f32') continue;
    try {
      const [g] = vectorJacobian(
        ys.map(([, y]) => y),
        gys,
        [x],
      );
      if (g) outputs[`g_${name}`] = g;
    } catch {
      // An input without a gradient (joints, transforms) is not timed.
    }
  }
  return { outputs, feeds };
}

async function benchCase(engine: Engine, room: Room, c: Case, runs: number): Promise<Row[]> {
  const { outputs, feeds } = graph(room, c);
  const most = Math.max(1, ...nodesOf(Object.values(outputs)).map((n) => n.op.variants.length));
  const seen = new Map<string, Row>();
  for (let k = 0; k < most; k++) {
    const ops = new Map(nodesOf(Object.values(outputs)).map((n) => [n.op.name, n.op]));
    const plan = await compile(engine, outputs, {
      variant: (op, call) => {
        const fitting = ops.get(op)?.variants.filter((v) => !v.rejects?.(call)) ?? [];
        return fitting[k % Math.max(1, fitting.length)]?.name;
      },
    });
    const given = Object.fromEntries(Object.entries(feeds).filter(([n]) => plan.inputNames.includes(n)));
    await plan.profile(given, 1);
    const sums = new Map<string, Row>();
    for (const r of await plan.profile(given, runs)) {
      const key = `${r.op}/${r.variant}`;
      const row = sums.get(key) ?? { case: c.name, op: r.op, variant: r.variant, ms: 0, gflops: 0, gbs: 0 };
      row.ms += r.ms;
      row.gflops += r.flops / 1e6;
      row.gbs += r.bytes / 1e6;
      sums.set(key, row);
    }
    for (const [key, row] of sums)
      if (!seen.has(key)) seen.set(key, { ...row, gflops: row.gflops / row.ms, gbs: row.gbs / row.ms });
    plan.destroy();
  }
  return [...seen.values()];
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      filter: { type: 'string', default: '' },
      runs: { type: 'string', default: '5' },
      adapter: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (options.help) {
    console.log(
      'npm run bench -- [--filter NAME] [--runs N] [--adapter NAME] [--json]\nTimes every variant of every op on the model’s real layers with GPU timestamps: median of N runs.',
    );
    return;
  }
  const engine = await open({ adapter: options.adapter });
  if (!options.json) console.log(`adapter: ${engine.adapterName}`);
  const rows: Row[] = [];
  for (const room of rooms) {
    for (const c of room.bench ?? []) {
      if (!`${room.name} ${c.name}`.includes(options.filter)) continue;
      const found = await benchCase(engine, room, c, Number(options.runs));
      rows.push(...found);
      if (options.json) continue;
      const cells = found.map((r) => [r.op, r.variant, r.ms.toFixed(3), r.gflops.toFixed(1), r.gbs.toFixed(1)]);
      console.log(`\n${room.name}: ${c.name}\n${table([['op', 'variant', 'ms', 'GFLOP/s', 'GB/s'], ...cells])}`);
    }
  }
  if (options.json)
    console.log(JSON.stringify({ adapter: engine.adapterName, runs: Number(options.runs), rows }, null, 2));
  engine.device.destroy();
}

await main();
