import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SharedWgsl, withImports } from '../gpu/imports.js';
import { withFunctionBody } from '../gpu/shader.js';

/** The function whose body comes from a table of ops. */
const BODY = /\bfn\s+f\s*\([^)]*\)\s*->\s*[^{]+\{([^}]*)\}/;

/** A source without comments and indentation, which the build removes, and without the body that comes from a table. */
function normalised(code: string): string {
  const lines = code.split('\n').map((l) => l.replace(/\/\/.*$/, '').trim());
  const text = lines.filter(Boolean).join('\n');
  return BODY.test(text) ? withFunctionBody(text, 'f', '') : text;
}

/** The folder of shaders, which is shipped beside `dist`. */
function folder(): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const found = join(at, 'shaders');
    if (existsSync(found)) return found;
    if (at === dirname(at)) return undefined;
  }
}

/** The shaders in a shipped folder by their paths in it; empty if there is no such folder. */
function texts(within: string): Map<string, string> {
  const root = folder();
  if (!root) return new Map();
  const files = readdirSync(join(root, within), { recursive: true, encoding: 'utf8' }).filter((f) =>
    f.endsWith('.wgsl'),
  );
  return new Map(files.sort().map((f) => [f, readFileSync(join(root, within, f), 'utf8')]));
}

let parts: SharedWgsl | undefined;

/** The parts that shaders import by `// #import NAME`. */
function shared(): SharedWgsl {
  parts ??= new Map([...texts('shared')].map(([file, code]) => [file.slice(0, -'.wgsl'.length), code]));
  return parts;
}

/**
 * A kernel author's WGSL with the shared parts that it imports by `// #import NAME`, each on the line of its import, so that errors
 * name the lines of their file. Throws `UsageError` on an import that is not understood.
 */
export function importedInto(file: string, code: string): string {
  return withImports(file, code, shared(), { oneLine: true });
}

let sources: Map<string, string> | undefined;

function read(): Map<string, string> {
  const files = [...texts('.')].filter(([file]) => dirname(file) !== 'shared');
  return new Map(
    files.map(([file, text]): [string, string] => {
      const code = withImports(file, text, shared());
      return [normalised(code), code];
    }),
  );
}

/**
 * A shader's source as it was written, with comments and with the parts that it imports. If no shipped file is the same shader, it
 * returns the source itself.
 */
export function originalSource(code: string): string {
  sources ??= read();
  const written = sources.get(normalised(code));
  const body = BODY.exec(code)?.[1];
  return written && body !== undefined ? withFunctionBody(written, 'f', body.trim()) : (written ?? code);
}
