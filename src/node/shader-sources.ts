import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withFunctionBody } from '../gpu/shader.js';

/** The function that tables of ops fill in. */
const BODY = /\bfn\s+f\s*\([^)]*\)\s*->\s*[^{]+\{([^}]*)\}/;

/** A source without comments and indentation, as the build leaves it, and without what a table filled in. */
function bare(code: string): string {
  const lines = code.split('\n').map((l) => l.replace(/\/\/.*$/, '').trim());
  const text = lines.filter(Boolean).join('\n');
  return BODY.test(text) ? withFunctionBody(text, 'f', '') : text;
}

/** The folder of shaders that is shipped beside `dist`. */
function folder(): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const found = join(at, 'shaders');
    if (existsSync(found)) return found;
    if (at === dirname(at)) return undefined;
  }
}

let sources: Map<string, string> | undefined;

function read(): Map<string, string> {
  const root = folder();
  if (!root) return new Map();
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.wgsl'));
  const all = files.map((f) => readFileSync(join(root, f), 'utf8'));
  return new Map(all.map((code): [string, string] => [bare(code), code]));
}

/**
 * A shader's source as it was written, comments and all; the source itself where no shipped file is the same shader.
 */
export function writtenSource(code: string): string {
  sources ??= read();
  const written = sources.get(bare(code));
  const body = BODY.exec(code)?.[1];
  return written && body !== undefined ? withFunctionBody(written, 'f', body.trim()) : (written ?? code);
}
