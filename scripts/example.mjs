// Runs an example on the built package: npm run example spirals. Node from version 22.18 on also runs the files as they are.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const names = readdirSync(join(root, 'examples')).map((file) => file.replace('.ts', ''));
const [name, ...surplus] = process.argv.slice(2);
if (!names.includes(name) || surplus.length) {
  console.error(`Name one example: ${names.join(', ')}`);
  process.exit(2);
}
const outfile = join(root, 'build', 'examples', `${name}.mjs`);
const entryPoints = [join(root, 'examples', `${name}.ts`)];
await build({ entryPoints, outfile, bundle: true, packages: 'external', format: 'esm', platform: 'node' });
await import(pathToFileURL(outfile).href);
