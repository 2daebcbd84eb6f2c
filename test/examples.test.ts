import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** What each example must reach, by the numbers in its last lines. */
const RESULTS: Record<string, (output: string) => void> = {
  spirals: (output) => {
    const [, right] = /([\d.]+) % of 1000 points/.exec(output) ?? [];
    expect(Number(right)).toBeGreaterThan(95);
    expect(output.match(/^[.#]{40}$/gm), 'the picture').toHaveLength(25);
  },
  autoencoder: (output) => {
    const [, before, after] = /mean squared error ([\d.]+), and after training ([\d.]+)/.exec(output) ?? [];
    expect(Number(after)).toBeLessThan(Number(before) / 20);
  },
  picture: (output) => {
    const [, before, after] = /difference of the features: ([\d.]+), then ([\d.]+)/.exec(output) ?? [];
    expect(Number(after)).toBeLessThan(Number(before) / 500);
    const [, error] = /mean difference of the pictures: ([\d.]+)/.exec(output) ?? [];
    expect(Number(error)).toBeLessThan(0.06);
  },
};

const files = readdirSync('examples').filter((name) => name.endsWith('.ts'));

test('every example has a result to reach, and fewer than 60 lines', () => {
  expect(files, 'the files for which RESULTS has a row').toEqual(
    Object.keys(RESULTS)
      .map((name) => `${name}.ts`)
      .sort(),
  );
  for (const file of files)
    expect(readFileSync(`examples/${file}`, 'utf8').trimEnd().split('\n').length, file).toBeLessThan(60);
});

test.each(Object.entries(RESULTS))('%s runs on the built package and reaches its result', (name, reaches) => {
  reaches(execFileSync('node', ['scripts/example.mjs', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
});

test('a file of one’s own runs, too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'example-'));
  const file = join(folder, 'mine.ts');
  writeFileSync(
    file,
    "import { input } from 'webgpu-pose-gan/node';\nconst n: number = 2;\nconsole.log(input('x', [n, 3]).shape);\n",
  );
  expect(execFileSync('node', ['scripts/example.mjs', file], { encoding: 'utf8' })).toBe('[ 2, 3 ]\n');
  rmSync(folder, { recursive: true });
});

test('an unknown example is refused with the known ones', () => {
  const run = () => execFileSync('node', ['scripts/example.mjs', 'spiral'], { encoding: 'utf8', stdio: 'pipe' });
  expect(run).toThrow(`Name one example: ${Object.keys(RESULTS).sort().join(', ')}`);
});
