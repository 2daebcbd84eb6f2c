// npm run test:quick NAME checks one op: the cases of src/kernels/NAME against its oracle, by every kernel, and what it refuses.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const kernels = join(root, 'src/kernels');
const names = readdirSync(kernels).filter((name) => existsSync(join(kernels, name, 'cases.ts')));
const [name, ...more] = process.argv.slice(2);

if (name === undefined || more.length || !names.includes(name)) {
  const asked =
    name === undefined ? '' : `There is no folder src/kernels/${[name, ...more].join(' ')} with a cases.ts. `;
  console.error(`${asked}Usage: npm run test:quick NAME, where NAME is one of\n  ${names.join(', ')}`);
  process.exit(2);
}
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/rooms.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, POSE_GAN_ROOM: name },
});
process.exit(status ?? 1);
