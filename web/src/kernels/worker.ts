import { contractOf, exampleSources } from '../../../src/bench/contract.js';
import { describe } from '../../../src/bench/document.js';
import { knownOps, loadRooms, reference, variantsOf } from '../../../src/bench/ops.js';
import { Suite, selectedCases } from '../../../src/bench/suite.js';
import { checkKernel } from '../../../src/bench/user-check.js';
import { userKernel } from '../../../src/bench/user-kernel.js';
import { caseName } from '../../../src/bench/user-run.js';
import { benchCases, timeKernel } from '../../../src/bench/user-time.js';
import { open } from '../../../src/browser.js';
import { clockOf } from '../../../src/gpu/clock.js';
import type { Engine } from '../../../src/gpu/engine.js';
import { rooms } from '../../../src/kernels/rooms.js';
import { serve } from '../rpc.js';
import type { BenchRequest, Calls, Catalogue, KernelRequest, KernelResult, Notice } from './protocol.js';
import { imported } from './shared-wgsl.js';

/** The worker of the Kernels page, which runs kernels without blocking the page. */

let opened: Promise<Engine> | undefined;

/** The engine without the tuning of this browser, so that benchmarks are comparable. */
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

async function bench(
  { only, filter, samples }: BenchRequest,
  report: (e: Calls['bench']['event']) => void,
): Promise<null> {
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

/** Milliseconds that a user's kernel may take in a check of one case, and in its first run on a case to time. */
const TIMEOUT_MS = { check: 30_000, time: 120_000 };

async function kernel(params: KernelRequest, report: (e: Calls['kernel']['event']) => void): Promise<KernelResult> {
  const gpu = await engine();
  const progress = (what: 'check' | 'time') => (done: number, total: number, name: string) =>
    report({ kind: 'progress', what, done, total, name });
  const mine = await userKernel(gpu, rooms, await imported(params.kernel));
  const check = await checkKernel(gpu, mine, { timeoutMs: TIMEOUT_MS.check, onCase: progress('check') });
  report({ kind: 'checked', check });
  if (!check.passed || params.checkOnly) return { check };
  const time = await timeKernel(gpu, mine, {
    ...{ samples: params.samples, layer: params.layer || undefined, timeoutMs: TIMEOUT_MS.time },
    onCase: progress('time'),
    onResult: (timed) => report({ kind: 'timed', timed }),
  });
  return { check, time };
}

const notify = serve<Calls, Notice>({
  open: catalogue,
  bench,
  kernel,
  contract: async ({ op }) => contractOf(await engine(), rooms, op),
  sources: async ({ op, variant }) => exampleSources(await engine(), rooms, op, { like: variant }),
});
notify('ready');
