import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import dropout from '../shaders/dropout/naive.wgsl';
import { UsageError } from '../src/gpu/errors.js';
import { withImports } from '../src/gpu/imports.js';
import { readShader } from '../src/gpu/shader.js';
import { parseWgsl } from '../src/gpu/wgsl.js';
import { importedInto, originalSource } from '../src/node/shader-sources.js';
import { imported } from '../web/src/kernels/shared-wgsl.js';
import { shaderFile, shaderFiles, shaderText, sharedParts } from './shader-files.js';

const IMPORT = /^\/\/ #import (.*)$/gm;
const importsOf = (code: string) => [...code.matchAll(IMPORT)].map((m) => m[1] as string);
const tokens = (code: string) =>
  code
    .replace(/\/\/.*/g, '')
    .split(/\s+/)
    .filter(Boolean)
    .join(' ');

/** Returns the folders of source files that import a shader, which name an op or `software`, and those shaders. */
function shaderImports(): { op: string; shader: string }[] {
  const filesIn = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
  const files = [
    ...['src/kernels', 'src/bench'].flatMap((ops) =>
      filesIn(ops).map((f) => ({ op: f.split(/[/\\]/)[0] as string, file: join(ops, f) })),
    ),
    ...filesIn('src/software').map((f) => ({ op: 'software', file: join('src/software', f) })),
  ];
  return files.flatMap(({ op, file }) => {
    const text = readFileSync(file, 'utf8');
    return [...text.matchAll(/\/shaders\/(\S+)\.wgsl'/g)].map((m) => ({ op, shader: m[1] as string }));
  });
}

describe('the folders of shaders and of ops', () => {
  const imports = shaderImports();

  test('are the same for all ops with kernels of their own', () => {
    const folders = readdirSync('shaders').filter((f) => f !== 'shared');
    expect(folders.sort()).toEqual([...new Set(imports.map(({ op }) => op))].sort());
  });

  test('contain the kernels of the same ops, because each shader is imported by its own op', () => {
    const own = imports.filter(({ op, shader }) => shader.startsWith(`${op}/`)).map(({ shader }) => shader);
    expect([...new Set(own)].sort()).toEqual(shaderFiles());
  });

  test('every shared part is imported by several shaders or parts', () => {
    const all = [...shaderFiles(), ...shaderFiles('shared')].flatMap((name) => importsOf(shaderFile(name)));
    for (const part of sharedParts().keys()) expect(all.filter((p) => p === part).length, part).toBeGreaterThan(1);
  });
});

describe('// #import', () => {
  const shared = new Map([
    ['a', '// What a is.\nfn a() -> u32 { return 1u; } // one\n'],
    ['b', '// #import a\n/* two\nlines */\nfn b() -> u32 { return a() + 1u; }\n'],
    ['round', '// #import again\n'],
    ['again', 'fn f() {}\n// #import round\n'],
    ['lost', '\n// #import nowhere\n'],
  ]);

  test('is replaced by the part where it is imported first, and only there', () => {
    const code = '// head\n// #import b\n// #import a\n  //#import b\nfn main() {}\n';
    expect(withImports('k.wgsl', code, shared)).toBe(
      `// head\n// What a is.\nfn a() -> u32 { return 1u; } // one\n/* two\nlines */\nfn b() -> u32 { return a() + 1u; }\nfn main() {}\n`,
    );
  });

  test('keeps the line numbers of a file when asked to', () => {
    const code = '// head\r\n// #import b\r\n// #import a\nfn main() {}\n';
    expect(withImports('k.wgsl', code, shared, { oneLine: true })).toBe(
      '// head\r\nfn a() -> u32 { return 1u; } fn b() -> u32 { return a() + 1u; }\n\nfn main() {}\n',
    );
  });

  test('has no effect within a line or another comment', () => {
    const code = 'fn f() {} // #import a\n// see #import a\n// #imported\n';
    expect(withImports('k.wgsl', code, shared)).toBe(code);
  });

  test.each([
    [
      '// #import c',
      /^k\.wgsl: line 1: \/\/ #import c: there is no shaders\/shared\/c\.wgsl; there are a, b, round, again/,
    ],
    ['\n//#import', /^k\.wgsl: line 2: \/\/ #import : there is no shaders\/shared\/NAME\.wgsl/],
    ['// #import a b', /there is no shaders\/shared\/a b\.wgsl/],
    ['// #import ../a', /there is no shaders\/shared\/\.\.\/a\.wgsl/],
    [
      '// #import round',
      /^shaders\/shared\/again\.wgsl: line 2: \/\/ #import round: a circle of imports, round → again → round$/,
    ],
    ['// #import lost', /^shaders\/shared\/lost\.wgsl: line 2: \/\/ #import nowhere: there is no/],
  ])('%j is an error that names file and line', (code, message) => {
    for (const oneLine of [false, true]) {
      expect(() => withImports('k.wgsl', code, shared, { oneLine })).toThrow(message);
      expect(() => withImports('k.wgsl', code, shared, { oneLine })).toThrow(UsageError);
    }
  });

  test('is refused where the parts are not available', async () => {
    await expect(readShader('k.wgsl', 'fn f() {}\n// #import philox\n')).rejects.toThrow(
      /^k\.wgsl: line 2: \/\/ #import philox stands for a part that the kernels in shaders\/ share/,
    );
  });
});

describe('the shipped shaders', () => {
  test.each([...sharedParts()])(
    'the part %s is WGSL by itself, with a comment that says what it computes',
    (name, code) => {
      expect(parseWgsl(name, withImports(name, code, sharedParts())).problem).toBeUndefined();
      expect(code).toMatch(/^\/\/ [^#]/);
    },
  );

  test('are built with the parts that they import, and printed as they are written', () => {
    expect(importsOf(shaderFile('dropout/naive'))).toEqual(['philox']);
    expect(dropout.code).toBe(shaderText('dropout/naive'));
    expect(dropout.code).toContain('fn philox(');
    // A build removes comments and indentation.
    const lines = dropout.code.split('\n').map((l) => l.replace(/\/\/.*/, '').trim());
    const stripped = lines.filter(Boolean).join('\n');
    expect(originalSource(stripped)).toBe(dropout.code);
    expect(originalSource(`${stripped}\nfn more() {}`)).toBe(`${stripped}\nfn more() {}`);
  });

  test('give the file of a kernel author the same parts, on the lines of their imports', () => {
    const code = importedInto('my.wgsl', shaderFile('dropout/naive'));
    expect(tokens(code)).toBe(tokens(shaderText('dropout/naive')));
    expect(code.split('\n').length).toBe(shaderFile('dropout/naive').split('\n').length);
    expect(() => importedInto('my.wgsl', '// #import filox')).toThrow(/^my\.wgsl: line 1: .*there are .*philox/);
  });

  test('give a kernel that is typed in the page the same parts', async () => {
    const kernel = (name: string) => ({ op: 'dropout', sources: [{ name: 'yours', code: shaderFile(name) }] });
    const [source] = (await imported(kernel('dropout/naive'))).sources;
    expect(source?.code).toBe(importedInto('yours', shaderFile('dropout/naive')));
    const whole = kernel('conv2d/naive');
    expect(await imported(whole)).toBe(whole);
  });
});
