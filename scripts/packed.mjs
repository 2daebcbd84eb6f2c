// The package as its users get it: packed by npm, unpacked, and found by its name.
import { execFileSync, execSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Packs what was built and unpacks it into `node_modules` of a folder, with links to its dependencies. Programs in that folder then
 * import the package by its name. Returns the folder of the package.
 */
export function installPacked(folder) {
  const command = `npm pack --ignore-scripts --silent --pack-destination ${JSON.stringify(folder)}`;
  const tarball = join(folder, execSync(command, { cwd: root, encoding: 'utf8' }).trim());
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'webgpu-pose-gan');
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components', '1']);
  rmSync(tarball);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  return installed;
}
