import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';

// The copy is in the checkout, so that it finds its packages.
const copy = mkdtempSync('.without-software-');
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** Returns the exit status and the output of a program of the copy. */
function run(program: string, ...args: string[]): { code: number | null; said: string } {
  const options = { cwd: copy, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve(program), ...args], options);
  return { code: status, said: `${stdout}${stderr}` };
}

test('without src/software, of which one line of the compiler names one file, the engine builds and the rules for GPUs hold', () => {
  for (const part of ['src', 'shaders', 'skeletons', 'scripts', 'test', 'package.json', 'vitest.config.ts'])
    cpSync(part, join(copy, part), {
      recursive: true,
      filter: (path) => !/^(src|shaders)\/software|^test\/(fixtures|browser|web)/.test(path),
    });
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  const hook = join(copy, 'src/compiler/software.ts');
  const text = readFileSync(hook, 'utf8');
  const without = text.replace("= () => import('../software/index.js');", '= undefined;');
  expect(without).not.toBe(text);
  writeFileSync(hook, without);

  const config = { extends: resolve('tsconfig.json'), include: ['src/index.ts', 'src/node.ts', 'src/wgsl.d.ts'] };
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify(config));
  expect(run('node_modules/typescript/bin/tsc', '-p', '.')).toEqual({ code: 0, said: '' });
  const files = ['test/tiles.test.ts', 'test/rooms.test.ts'];
  const { code, said } = run('node_modules/vitest/vitest.mjs', 'run', ...files, '-t', 'a GPU|^l1 ');
  expect(code, said).toBe(0);
  // The tests check the rules for GPUs, and the cases of one op that has other kernels for CPUs.
  expect(Number(/Tests .*?(\d+) passed/.exec(said)?.[1])).toBeGreaterThan(20);
});
