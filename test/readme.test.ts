import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const readme = readFileSync('README.md', 'utf8');
/** The folder is beside node_modules, so that the dependencies of the package are found. */
const folder = 'out/readme-test';

beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a TypeScript example of the README as printed, on the built package, and returns what it prints. */
function run(index: number): string {
  const code = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)][index]?.[1] ?? '';
  const built = pathToFileURL('dist/node.js').href;
  const { code: script } = transformSync(code.replaceAll("'webgpu-pose-gan/node'", `'${built}'`), {
    loader: 'ts',
    format: 'esm',
  });
  writeFileSync(join(folder, 'example.mjs'), script);
  return execFileSync('node', ['example.mjs'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

test('the first example runs as printed on the built package, and its loss falls to almost 0', () => {
  const loss = Number(/: loss (\S+)/.exec(run(0))?.[1]);
  expect(loss).toBeLessThan(1e-3);
});

test('the example of a small network learns xor, and reads the file that it has written', () => {
  const [, answer, loss] = /1 xor 0 is (\w+), loss (\S+)/.exec(run(1)) ?? [];
  expect(answer).toBe('true');
  expect(Number(loss)).toBeLessThan(0.05);
  expect(existsSync(join(folder, 'xor.safetensors'))).toBe(true);
});

test('every file that the README and the docs link to exists', () => {
  const broken: string[] = [];
  const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file));
  for (const file of ['README.md', 'bench/results/README.md', ...docs.filter((path) => path.endsWith('.md'))]) {
    // Code is left out, because brackets and parentheses mean something else there.
    const text = readFileSync(file, 'utf8').replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)/g))
      if (!/^https?:/.test(target) && !existsSync(join(dirname(file), target))) broken.push(`${file}: ${target}`);
  }
  expect(broken).toEqual([]);
});
