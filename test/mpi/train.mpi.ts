import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSafetensors, toFloat32 } from '../../src/data/safetensors.js';
import { modelConfig, type Preset } from '../../src/model/config.js';
import { openDataset } from '../../src/node/dataset.js';
import { trainRun } from '../../src/node/run.js';
import { loadFeatures } from '../../src/node/weights.js';
import { open } from '../../src/node.js';
import { PERSON } from '../../src/pose/skeleton.js';
import { memoryRanks } from '../memory-ranks.js';

const cli = resolve('dist/cli.js');
const root = process.getuid?.() === 0 ? ['--allow-run-as-root'] : [];
/** Two ranks share few cores here, so each yields while it waits. */
const mpirun = ['mpirun', ...root, '--oversubscribe', '-np', '2'];
let folder: string;

beforeAll(() => {
  const found = spawnSync('mpirun', ['--version'], { encoding: 'utf8' });
  if (found.status !== 0 || !found.stdout.includes('Open MPI'))
    throw new Error('these tests need the mpirun of Open MPI. On Debian: apt-get install openmpi-bin libopenmpi3');
  folder = mkdtempSync(join(tmpdir(), 'mpi-'));
  const synth = spawnSync('node', [cli, 'synth', '--out', join(folder, 'data'), '--name', 's', '--size', '64x32']);
  expect(synth.status).toBe(0);
});
afterAll(() => folder && rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

function start(words: readonly string[], env: Record<string, string> = {}) {
  const [program = '', ...args] = words;
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (text += bytes));
  const ended = once(child, 'close').then(([code]): Ended => {
    running.delete(child);
    return { code, text };
  });
  return { child, ended };
}

const train = (out: string, ...more: string[]) => ['node', cli, 'train', '--out', join(folder, out), ...more];
const fresh = (...more: string[]) => [
  ...['--data', join(folder, 'data'), '--name', 's', '--size', 'small', '--batch', '4', '--iterations', '5'],
  ...more,
];

function rows(out: string): Record<string, number>[] {
  const path = join(folder, out, 'log.jsonl');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => ({ ...JSON.parse(line), seconds: 0 }));
}

/** Waits until a run has written a number of rows. */
async function untilRows(out: string, count: number): Promise<void> {
  while (rows(out).length < count) await new Promise((r) => setTimeout(r, 50));
}

function files(out: string): Record<string, string> {
  const names = readdirSync(join(folder, out)).filter((name) => name.endsWith('.safetensors'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, out, name)).toString('base64')]));
}

function weights(out: string) {
  const name = readdirSync(join(folder, out)).find((n) => /^checkpoint-\d+\.safetensors$/.test(n)) ?? '';
  return readSafetensors(readFileSync(join(folder, out, name)), name).tensors;
}

/** Trains as the command does, with two ranks in this process whose exchange meets in memory. */
async function trainInMemory(preset: Preset, out: string): Promise<void> {
  const recipe = { preset, size: 'small', width: 1 / 8 } as const;
  const config = modelConfig(recipe);
  const data = { folder: join(folder, 'data'), name: 's', split: 'train', skeleton: PERSON } as const;
  const train = await openDataset({ ...data, height: config.height, width: config.width });
  const options = {
    ...{ train, config, recipe, seed: 1, batch: 4, iterations: 5, logEvery: 1, sampleEvery: 500, saveEvery: 1000 },
    ...{ keep: 1, resume: false, features: loadFeatures(config, undefined), open: () => open() },
  };
  await Promise.all(memoryRanks(2).map((ranks) => trainRun({ ...options, folder: join(folder, out), ranks })));
}

function far(a: ReturnType<typeof weights>, b: ReturnType<typeof weights>) {
  let [count, far, furthest] = [0, 0, 0];
  for (const [name, tensor] of a) {
    const other = b.get(name);
    const values = other && toFloat32(other);
    for (const [i, v] of toFloat32(tensor).entries()) {
      const apart = Math.abs(v - (values?.[i] ?? Number.NaN));
      count++;
      if (!(apart <= 1e-5)) far++;
      furthest = Math.max(furthest, apart);
    }
  }
  return { count, far, furthest };
}

/** The largest relative differences of the losses of each iteration. */
const lossDifferences = (a: ReturnType<typeof rows>, b: ReturnType<typeof rows>) =>
  a.map((row, i) =>
    Math.max(
      ...['discriminator', 'adversarial', 'reconstruction'].map((name) =>
        Math.abs((b[i]?.[name] ?? Number.NaN) / (row[name] as number) - 1),
      ),
    ),
  );

// test/parallel.test.ts compares ranks in memory with one rank, over all iterations.
test.each(['paper', 'authors'] as const)('two ranks have the bits of two ranks in memory: %s', async (preset) => {
  const recipe = fresh('--preset', preset, '--width', '0.125', '--seed', '1');
  const two = await start([...mpirun, ...train(`two-${preset}`, ...recipe)]).ended;
  expect(two.code, two.text).toBe(0);
  for (const rank of [0, 1]) expect(two.text).toMatch(new RegExp(`rank ${rank} of 2 on .*, adapter: `));
  await trainInMemory(preset, `memory-${preset}`);
  const [inMemory, overMpi] = [rows(`memory-${preset}`), rows(`two-${preset}`)];
  expect(overMpi.length).toBe(5);
  expect(overMpi).toEqual(inMemory);
  expect(far(weights(`memory-${preset}`), weights(`two-${preset}`))).toMatchObject({ far: 0, furthest: 0 });

  const one = await start(train(`one-${preset}`, ...recipe)).ended;
  expect(one.code, one.text).toBe(0);
  const losses = lossDifferences(rows(`one-${preset}`), overMpi);
  const { count, far: n, furthest } = far(weights(`one-${preset}`), weights(`two-${preset}`));
  process.stdout.write(
    `${preset}: losses differ from those of one rank by ${losses.map((x) => x.toExponential(1)).join(', ')}; ` +
      `${n} of ${count} parameters by more than 1e-5, none by more than ${furthest.toExponential(1)}\n`,
  );
  expect(losses[0]).toBeLessThan(1e-6);
});

test('the same seed gives the same bits; a killed rank ends the run, and a resumed run is one that was not interrupted', async () => {
  const recipe = fresh('--width', '0.0625', '--save-every', '2');
  const whole = await start([...mpirun, ...train('whole', ...recipe)]).ended;
  expect(whole.code, whole.text).toBe(0);

  const killed = start([...mpirun, ...train('killed', ...recipe, '--iterations', '100000')]);
  await untilRows('killed', 2);
  const victim = readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [command, env] = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
      return command?.includes(join(folder, 'killed')) && env?.split('\0').includes('OMPI_COMM_WORLD_RANK=1');
    } catch {
      return false;
    }
  });
  process.kill(Number(victim), 'SIGKILL');
  const { code, text } = await killed.ended;
  expect(code).not.toBe(0);
  expect(text).toMatch(/process rank 1 .* exited on signal 9 \(Killed\)/);
  expect(text).not.toMatch(/rank 0 on|SIGTERM/);

  rmSync(join(folder, 'killed'), { recursive: true });
  const short = await start([...mpirun, ...train('killed', ...recipe, '--iterations', '3')]).ended;
  expect(short.code, short.text).toBe(0);
  const resumed = await start([...mpirun, ...train('killed', '--resume', '--iterations', '5')]).ended;
  expect(resumed.code, resumed.text).toBe(0);
  expect(rows('killed')).toEqual(rows('whole'));
  expect(files('killed')).toEqual(files('whole'));
});

test('a signal that mpirun passes on saves the run and ends it on all ranks', async () => {
  const run = start([...mpirun, ...train('stopped', ...fresh('--width', '0.0625', '--iterations', '100000'))]);
  await untilRows('stopped', 2);
  run.child.kill('SIGUSR2');
  const { code, text } = await run.ended;
  expect(code).toBe(140);
  expect(text).toMatch(/a signal asks to stop: stopping after \d+ iterations, and saving the run/);
  expect(Object.keys(files('stopped')).length).toBe(2);
});

test('an error of one rank ends all, in one line that names it', async () => {
  const script = join(folder, 'rank');
  writeFileSync(
    script,
    `#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = 1 ] && export POSE_GAN_ADAPTER=nonesuch\nexec node ${cli} "$@"\n`,
    { mode: 0o755 },
  );
  const { code, text } = await start([...mpirun, script, ...train('error', ...fresh()).slice(2)]).ended;
  expect(code).toBe(1);
  expect(text.match(/^pose-gan train: .*/gm)).toEqual([
    expect.stringMatching(/^pose-gan train: rank 1 on .* ends all 2 ranks: no adapter matches "nonesuch"; /),
  ]);
});
