import { contractOf, exampleSources } from '../../../src/bench/contract.js';
import { describe } from '../../../src/bench/document.js';
import { knownOps, loadRooms, reference, variantsOf } from '../../../src/bench/ops.js';
import { Suite, selectedCases } from '../../../src/bench/suite.js';
import { caseName, checkKernel } from '../../../src/bench/user-check.js';
import { userKernel } from '../../../src/bench/user-kernel.js';
import { benchCases, timeKernel } from '../../../src/bench/user-time.js';
import { open } from '../../../src/browser.js';
import { clockOf } from '../../../src/gpu/clock.js';
import type { Engine } from '../../../src/gpu/engine.js';
import { rooms } from '../../../src/kernels/rooms.js';
import { serve } from '../rpc.js';
import type { BenchAsk, Calls, Catalogue, KernelAnswer, KernelAsk, News } from './protocol.js';
import { imported } from './shared-wgsl.js';

/** The benchmark of the Kernels page, in a worker so that the page never waits. */

let opened: Promise<Engine> | undefined;

/** The engine with the choices of its rule: what was tuned in this browser is not part of a benchmark. */
function engine(): Promise<Engine> {
  opened ??= loadRooms(rooms).then(() => open({ tuning: false, label: 'kernels' }));
  return opened;
}

async function catalogue(): Promise<Catalogue> {
  const gpu = await engine();
  const { source, stepMs } = await clockOf(gpu);
  const ops = [...knownOps(rooms).values()].map((known) => ({
    name: known.op.name,
    room: (known.uses.find((u) => u.room.name === known.op.name) ?? known.uses[0])?.room.name ?? '',
    variants: variantsOf(known.op, gpu).map((v) => v.name),
    reference: reference(known.op).name,
    layers: benchCases({ known }).map(caseName),
  }));
  const names = [...new Set(selectedCases(rooms, '', undefined, gpu).map((s) => s.room.name))];
  return {
    adapter: describe(gpu),
    timing: { source, stepMs },
    rooms: names.map((name) => {
      const own = selectedCases(rooms, '', [name], gpu);
      return { name, cases: own.length, kernels: own.reduce((n, s) => n + s.kernels.length, 0) };
    }),
    ops: ops.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

async function bench({ only, filter, samples }: BenchAsk, report: (e: Calls['bench']['event']) => void): Promise<null> {
  const suite = await Suite.open(await engine(), rooms, { only, filter, samples });
  try {
    report({ kind: 'peaks', peaks: suite.peaks, cases: suite.cases.length });
    for (const [done, s] of suite.cases.entries()) {
      report({ kind: 'case', done, name: caseName(s) });
      const { composed } = await suite.run(s, (rows) => report({ kind: 'rows', rows }));
      if (composed) report({ kind: 'composed', composed });
    }
    return null;
  } finally {
    suite.destroy();
  }
}

/** Milliseconds that a run of somebody's kernel may take while it is checked, and while it is timed. */
const PATIENCE = { check: 30_000, time: 120_000 };

async function kernel(ask: KernelAsk, report: (e: Calls['kernel']['event']) => void): Promise<KernelAnswer> {
  const gpu = await engine();
  const progress = (what: 'check' | 'time') => (done: number, total: number, name: string) =>
    report({ kind: 'progress', what, done, total, name });
  const mine = await userKernel(gpu, rooms, await imported(ask.kernel));
  const check = await checkKernel(gpu, mine, { timeoutMs: PATIENCE.check, onCase: progress('check') });
  report({ kind: 'checked', check });
  if (!check.passed || ask.checkOnly) return { check };
  const time = await timeKernel(gpu, mine, {
    ...{ samples: ask.samples, layer: ask.layer || undefined, timeoutMs: PATIENCE.time },
    onCase: progress('time'),
    onResult: (timed) => report({ kind: 'timed', timed }),
  });
  return { check, time };
}

const tell = serve<Calls, News>({
  open: catalogue,
  bench,
  kernel,
  contract: async ({ op }) => contractOf(await engine(), rooms, op),
  sources: async ({ op, variant }) => exampleSources(await engine(), rooms, op, { like: variant }),
});
tell('ready');
