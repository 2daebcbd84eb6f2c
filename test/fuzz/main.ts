// This program tests the parsers of pose-gan with damaged files: npm run fuzz -- [--inputs N] [--seed S]
// [--only TARGET] [--input I] [--faults N] [--patience SECONDS]
//
// Every input must give a valid value or a typed error that names the file, within a second of processor time and 256
// MB. The inputs are a pure function of seed and number, so --seed S --input I reproduces a fault.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { progress } from '../../src/cli/progress.js';
import type { Verdict } from './campaign.js';
import type { Work } from './worker.js';

const SECONDS = 1;
const BYTES = 256e6;

type Report = Verdict & { i: number; target: string; seconds: number; memory: number };

interface Totals {
  inputs: number;
  values: number;
  errors: number;
  seconds: number;
  memory: number;
}

const HELP = `npm run fuzz -- [OPTIONS] sends damaged files through every parser. Each must give a value or a typed error.

  --inputs N          the number of inputs (default 100000)
  --seed S            the seed of the damage (default 1)
  --only TARGET       one parser alone
  --input I           this input alone, to reproduce a fault
  --faults N          the number of faults after which it ends (default 20)
  --patience SECONDS  the processor time after which an input counts as endless (default 30)`;

/** The options of the command line. A wrong one ends the program with a line. */
function options() {
  try {
    return parseArgs(ARGUMENTS).values;
  } catch (error) {
    console.error(`fuzz: ${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

const ARGUMENTS = {
  options: {
    help: { type: 'boolean' },
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    input: { type: 'string' },
    faults: { type: 'string', default: '20' },
    patience: { type: 'string', default: '30' },
  },
} as const;
const values = options();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const number = (name: string, given: string) => {
  if (!/^\d+$/.test(given)) throw new Error(`--${name} must be a whole number, got "${given}"`);
  return Number(given);
};
const seed = number('seed', values.seed);
/** The number of faults after which the campaign ends. */
const most = number('faults', values.faults);
/** An input counts as endless after this many seconds of processor time, or ten times as many by the clock. */
const patience = number('patience', values.patience);
const first = values.input === undefined ? 0 : number('input', values.input);
const end = values.input === undefined ? number('inputs', values.inputs) : first + 1;

const table = new Map<string, Totals>();
const faults: string[] = [];
const bar = progress('fuzzing', end, { unit: 'inputs' });

function note({ i, target, seconds, memory, outcome, fault }: Report): void {
  const row = table.get(target) ?? { inputs: 0, values: 0, errors: 0, seconds: 0, memory: 0 };
  table.set(target, row);
  row.inputs++;
  if (outcome === 'value') row.values++;
  if (outcome === 'error') row.errors++;
  row.seconds = Math.max(row.seconds, seconds);
  row.memory = Math.max(row.memory, memory);
  const slow = seconds > SECONDS && `it took ${seconds.toFixed(2)} s of processor time`;
  const large = memory > BYTES && `it took ${(memory / 1e6).toFixed(0)} MB`;
  for (const what of [fault, slow, large])
    if (what)
      faults.push(`${target}, --seed ${seed} --input ${i}${values.only ? ` --only ${values.only}` : ''}: ${what}`);
  bar.update(i + 1 - first);
}

/** Runs inputs from `from` on in a new worker. Returns the number after the input that hung, or else the end. */
function runFrom(from: number): Promise<number> {
  const shared = new SharedArrayBuffer(4);
  const current = new Int32Array(shared);
  const work: Work = { seed, first: from, count: end - from, only: values.only, progress: shared };
  const worker = new Worker(fileURLToPath(new URL('worker.js', import.meta.url)), { workerData: work });
  return new Promise((resolve, reject) => {
    let next = end;
    let seen = -1;
    let since = { wall: 0, cpu: 0 };
    const clocks = () => ({ wall: performance.now() / 1000, cpu: process.cpuUsage().user / 1e6 });
    const watch = setInterval(() => {
      const input = Atomics.load(current, 0);
      const now = clocks();
      if (input !== seen) [seen, since] = [input, now];
      else if (now.cpu - since.cpu > patience || now.wall - since.wall > 10 * patience) {
        clearInterval(watch);
        const target = values.only ?? 'unknown';
        note({ i: input, target, seconds: 0, memory: 0, outcome: 'fault', fault: 'it has no end' });
        next = input + 1;
        worker.terminate().catch(reject);
      }
    }, 200);
    worker.on('message', note);
    worker.on('error', reject);
    worker.on('exit', () => {
      clearInterval(watch);
      resolve(next);
    });
  });
}

for (let from = first; from < end && faults.length < most; ) from = await runFrom(from);
bar.end();

const columns = ['target', 'inputs', 'values', 'errors', 'slowest s', 'most MB'];
const rows = [...table].map(([name, t]) => [
  name,
  ...[t.inputs, t.values, t.errors].map(String),
  t.seconds.toFixed(3),
  (t.memory / 1e6).toFixed(0),
]);
const widths = columns.map((c, k) => Math.max(c.length, ...rows.map((r) => (r[k] as string).length)));
for (const row of [columns, ...rows])
  console.log(
    row.map((cell, k) => (k ? cell.padStart(widths[k] as number) : cell.padEnd(widths[k] as number))).join('  '),
  );
for (const fault of faults) console.log(fault);
const inputs = [...table.values()].reduce((sum, t) => sum + t.inputs, 0);
console.log(`${inputs} inputs, ${table.size} targets, ${faults.length} faults`);
process.exitCode = faults.length || !inputs ? 1 : 0;
