// What npm test checks before the tests: the build, the sizes of the package, style, unused code, imports and types. Checks that do not
// wait for each other run side by side; each prints its output when it ends.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a script of package.json. Resolves to whether it succeeded. */
function script(name) {
  const child = spawn('npm', ['run', '-s', name], { cwd: root, shell: process.platform === 'win32' });
  const output = [];
  child.stdout.on('data', (chunk) => output.push([process.stdout, chunk]));
  child.stderr.on('data', (chunk) => output.push([process.stderr, chunk]));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      for (const [stream, chunk] of output) stream.write(chunk);
      if (code !== 0) console.error(`npm run ${name} failed; the lines above say why.`);
      resolve(code === 0);
    });
  });
}

/** The declarations that the build writes are also those of the type check, so the two never run at the same time. */
async function buildFirst() {
  if (!(await script('build'))) return false;
  const results = await Promise.all([script('size'), script('typecheck')]);
  return results.every((succeeded) => succeeded);
}

const results = await Promise.all([buildFirst(), script('lint')]);
process.exit(results.every((succeeded) => succeeded) ? 0 : 1);
