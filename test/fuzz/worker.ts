// This program runs the inputs of one campaign and tells the watching process which one is running; see main.ts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { inputOf, judge } from './campaign.js';
import { faultyTargets } from './faulty.js';
import { targets } from './targets.js';

export interface Work {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  readonly only?: string;
  /** Holds the number of the current input. */
  readonly progress: SharedArrayBuffer;
}

/**
 * Returns the peak memory of this process in bytes, or, where the system cannot reset it, its growth over the whole
 * campaign.
 */
const peak = (() => {
  const file = '/proc/self/status';
  const field = (name: string) =>
    1024 * Number(new RegExp(`${name}:\\s*(\\d+)`).exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    if (!field('VmHWM')) throw new Error('no peak');
    return { reset: () => writeFileSync('/proc/self/clear_refs', '5'), read: () => field('VmHWM') };
  } catch {
    return { reset: () => {}, read: () => 1024 * process.resourceUsage().maxRSS };
  }
})();

const folder = mkdtempSync(join(tmpdir(), 'pose-gan-fuzz-'));
/** The path of the input, for parsers that read files. */
const file = join(folder, 'input');
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const { seed, first, count, only, progress } = workerData as Work;
const current = new Int32Array(progress);
const chosen = only === 'faulty' ? faultyTargets : (await targets()).filter((t) => !only || t.name === only);
for (let i = first; i < first + count; i++) {
  Atomics.store(current, 0, i);
  const target = chosen[i % chosen.length];
  if (!target) break;
  const input = inputOf(target, seed, i);
  peak.reset();
  const before = peak.read();
  const start = process.cpuUsage();
  const verdict = await judge(target, input, file);
  const { user, system } = process.cpuUsage(start);
  const memory = Math.max(0, peak.read() - before);
  parentPort?.postMessage({ i, target: target.name, seconds: (user + system) / 1e6, memory, ...verdict });
}
