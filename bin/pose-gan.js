#!/usr/bin/env node
// The command `pose-gan`. In a checkout it exists before the first build, and then says how to build instead of building.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cli = new URL('../dist/cli.js', import.meta.url);
if (existsSync(cli)) {
  process.argv[1] = fileURLToPath(cli);
  await import(cli.href);
} else {
  console.error('pose-gan is not built in this checkout: run npm install, or npm run build if it is installed.');
  process.exitCode = 1;
}
