import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const quick = (...names: string[]) =>
  spawnSync(process.execPath, ['scripts/quick.mjs', ...names], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });

test.each([[[]], [['nothing']], [['conv2d', 'l1']], [['../kernels/l1']]])(
  'test:quick %j names the ops that it can check, and runs nothing',
  (names) => {
    const { status, stdout, stderr } = quick(...names);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/Usage: npm run test:quick NAME, where NAME is one of\n.* conv2d, .*\bl1\b/);
  },
);

test('test:quick checks the cases of one op, and nothing else', () => {
  const { status, stdout } = quick('tile');
  expect(status, stdout).toBe(0);
  expect(stdout).toMatch(/Tests .*\d+ passed/);
  expect(stdout).not.toMatch(/skipped|failed/);
});
