import {
  type BenchDocument,
  type BenchRow,
  benchDocument,
  type Comparison,
  compareBench,
  describe,
  parseBench,
} from '../bench/document.js';
import { loadRooms } from '../bench/ops.js';
import { curvesOf, curveText } from '../bench/own-shapes/curve.js';
import { benchReport } from '../bench/report.js';
import { Suite, selectedCases, selects } from '../bench/suite.js';
import { caseText, comparisonText, suspicious, threeDigits } from '../bench/text.js';
import { isFine, timingText } from '../gpu/clock.js';
import type { Engine } from '../gpu/engine.js';
import { rooms } from '../kernels/rooms.js';
import { readText, writeFileAtomic } from '../node/files.js';
import { open } from '../node.js';
import { benchIsa, benchIsaExamples, benchIsaHelp, benchIsaOptions } from './bench-isa.js';
import {
  asksForKernel,
  benchKernel,
  benchKernelExamples,
  benchKernelHelp,
  benchKernelOptions,
} from './bench-kernel.js';
import { isOwnShapes, ownRooms } from './bench-shapes.js';
import type { Command, Values } from './command.js';
import { machine } from './machine.js';
import { progress } from './progress.js';
import { say, sayJson, sayLayout } from './terminal.js';
import { noMore, output, positive, text, whole } from './values.js';

/** The cases and kernels that would be timed. */
function list(filter: string | undefined, json: boolean): number {
  const cases = selectedCases(rooms, filter).map(({ room, c, kernels, composed }) => {
    const names = kernels.map((k) => `${k.op}/${k.variant}`);
    return { room: room.name, case: c.name, kernels: composed ? [...names, 'composed'] : names };
  });
  if (json) sayJson(cases);
  else say(...cases.flatMap((c) => [`${c.room}: ${c.case}`, `    ${c.kernels.join(' ')}`]));
  return 0;
}

async function run(values: Values, positionals: string[]): Promise<number> {
  if (values.isa !== undefined || values.asm !== undefined) return benchIsa(values, positionals);
  const ownShapes = isOwnShapes(values);
  if (asksForKernel(values) && !ownShapes) return benchKernel(values, positionals);
  noMore(positionals);
  const filter = text(values, 'filter');
  const json = values.json === true;
  await loadRooms(rooms);
  if (values.list) return list(filter, json);
  const samples = whole(values, 'samples', 7, 1);
  const longestRun = 1000 * positive(values, 'limit', 0.5);
  const oracleLimit = 1e6 * positive(values, 'oracle-limit', 30);
  const [out, page] = [output(values, 'out', 'file'), output(values, 'html', 'file')];
  const old = text(values, 'compare');
  const before = old ? parseBench(readText(old, 'benchmark'), old) : undefined;
  if (!ownShapes) selectedCases(rooms, filter);
  // The benchmark marks the choices of the engine's rule, so a user's tuning is not loaded.
  const engine = await open({ adapter: text(values, 'adapter'), tuning: false });
  try {
    if (!json) say(`adapter: ${engine.adapterName}`);
    const own = ownShapes ? ownRooms(values, engine) : undefined;
    const options = { filter, op: own && text(values, 'op'), samples, longestRun, oracleLimit };
    const suite = await Suite.open(engine, own?.rooms ?? rooms, options);
    const compare = (doc: BenchDocument): Comparison | undefined =>
      before && compareBench(before, doc, (r) => selects(filter ?? '', r.room, r.case, r.op, r.variant));
    const save = (doc: BenchDocument) => {
      if (out) writeFileAtomic(out, `${JSON.stringify(doc, null, 2)}\n`);
      if (page) writeFileAtomic(page, benchReport(doc, doc.complete ? compare(doc) : undefined));
    };
    try {
      const doc = await measureAll(engine, suite, samples, json, save, own?.at);
      if (json) sayJson(before ? { ...doc, comparison: compare(doc) } : doc);
      else summary(doc, compare(doc));
      return doc.rows.some((r) => r.untimed?.startsWith('failed')) ? 1 : 0;
    } finally {
      suite.destroy();
    }
  } finally {
    engine.device.destroy();
  }
}

/** Runs all cases, and saves and prints each when it is finished. */
async function measureAll(
  engine: Engine,
  suite: Suite,
  samples: number,
  quiet: boolean,
  save: (doc: BenchDocument) => void,
  at?: ReadonlyMap<string, Readonly<Record<string, number>>>,
): Promise<BenchDocument> {
  const { peaks, cases } = suite;
  if (!quiet) {
    say(`peaks: ${threeDigits(peaks.gflops)} GFLOP/s, ${threeDigits(peaks.gbs)} GB/s`);
    if (!isFine(suite.timing)) sayLayout(timingText(suite.timing));
  }
  const date = new Date().toISOString();
  const rows: BenchRow[] = [];
  const composed: BenchDocument['composed'][number][] = [];
  const bar = progress('bench', cases.length, { unit: 'cases' });
  const documentNow = (complete: boolean) =>
    benchDocument(describe(engine), {
      host: machine(),
      samples,
      timing: suite.timing,
      peaks,
      complete,
      rows,
      composed,
      date,
    });
  try {
    for (const [i, s] of cases.entries()) {
      bar.update(i, `${s.room.name}: ${s.c.name}`);
      const found = await suite.run(s);
      const where = at?.get(s.c.name);
      rows.push(...found.rows.map((r) => (where ? { ...r, at: where } : r)));
      if (found.composed) composed.push(found.composed);
      save(documentNow(i + 1 === cases.length));
      bar.end();
      if (!quiet) sayLayout(`\n${caseText(found)}`);
    }
  } finally {
    bar.end();
  }
  return documentNow(true);
}

function summary({ rows }: BenchDocument, comparison: Comparison | undefined): void {
  sayLayout('\n* marks the variant that the engine chooses. docs/bench.md explains the columns.');
  for (const r of suspicious(rows))
    say(`the error is larger than rounding explains: ${r.room}: ${r.case}: ${r.op}/${r.variant}`);
  for (const curve of curvesOf(rows)) sayLayout(`\n${curveText(curve)}`);
  if (comparison) sayLayout(`\n${comparisonText(comparison)}`);
}

export const bench: Command = {
  name: 'bench',
  summary:
    'times and checks every kernel on the model’s layers against this adapter’s peaks, or compares your kernel with ours',
  usage: '',
  options: {
    filter: { type: 'string' },
    samples: { type: 'string' },
    list: { type: 'boolean' },
    out: { type: 'string' },
    html: { type: 'string' },
    compare: { type: 'string' },
    limit: { type: 'string' },
    'oracle-limit': { type: 'string' },
    ...benchKernelOptions,
    ...benchIsaOptions,
  },
  help: {
    filter: 'only rows whose room, case, op or variant contain these words',
    samples: 'the number of samples of each variant (default 7); slow variants get fewer',
    list: 'list the cases and kernels without timing them',
    out: 'write the measurements to this JSON file, case by case',
    html: 'write a report with a roofline plot to this file, case by case',
    compare: 'compare with an older file of --out',
    limit: 'skip variants of which a run would take more seconds than this, except the chosen ones (default 0.5)',
    'oracle-limit':
      'compare cases of up to this many million operations with the oracle; larger ones use small cases (default 30)',
    ...benchKernelHelp,
    ...benchIsaHelp,
  },
  examples: [
    'pose-gan bench --filter conv2d',
    'pose-gan bench --op conv2d --case "x=4x64x64x128, w=3x3x128x256, pad=1"',
    'pose-gan bench --out new.json --html report.html --compare old.json',
    'pose-gan bench --filter "instanceNorm 4x16x8" --samples 15 --adapter llvmpipe --json',
    ...benchKernelExamples,
    ...benchIsaExamples,
  ],
  run,
};
