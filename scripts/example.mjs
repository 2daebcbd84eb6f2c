// Runs an example, or a file of your own, on the built package: npm run example spirals, npm run example mine.ts. Node from
// version 22.18 on also runs the files as they are.
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'));
const names = files.map((file) => file.replace('.ts', ''));
const [name, ...surplus] = process.argv.slice(2);
const file = names.includes(name) ? join(root, 'examples', `${name}.ts`) : resolve(name ?? '');
if (!/\.[cm]?[jt]s$/.test(file) || !existsSync(file) || surplus.length) {
  console.error(`Name one example: ${names.join(', ')}, or a .ts or .js file of your own`);
  process.exit(2);
}
if (!existsSync(join(root, 'dist', 'node.js'))) {
  console.error('The package is not built yet; run npm run build first');
  process.exit(2);
}
const outfile = join(root, 'build', 'examples', basename(file).replace(/\.[^.]+$/, '.mjs'));
const entryPoints = [file];
await build({ entryPoints, outfile, bundle: true, packages: 'external', format: 'esm', platform: 'node' });
await import(pathToFileURL(outfile).href);
