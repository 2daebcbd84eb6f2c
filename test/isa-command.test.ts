import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { IsaDocument } from '../src/bench/isa/document.js';
import { main } from '../src/cli/main.js';
import { buildShim, findRadv } from '../src/node/radv.js';

const folder = mkdtempSync(join(tmpdir(), 'isa-'));
const at = (...names: string[]) => join(folder, ...names);
afterAll(() => rmSync(folder, { recursive: true }));

describe('a machine without the parts', () => {
  const linux = { platform: 'linux', arch: 'x64' };
  const manifest = (name: string, library: string) => {
    mkdirSync(at(name, 'vulkan', 'icd.d'), { recursive: true });
    writeFileSync(at(name, 'lib.so'), library);
    const path = at(name, 'vulkan', 'icd.d', 'radeon_icd.x86_64.json');
    writeFileSync(path, JSON.stringify({ ICD: { library_path: at(name, 'lib.so') } }));
    return path;
  };

  test('other systems are refused with what they are', () => {
    expect(() => findRadv('--isa navi31', { ...linux, platform: 'darwin', env: {} })).toThrow(
      /^--isa navi31 needs Mesa's driver RADV on Linux x64, .* this machine is darwin x64\./,
    );
    expect(() => findRadv('--isa navi31', { ...linux, arch: 'arm64', env: {} })).toThrow(/linux arm64/);
  });

  test('Mesa from 25.1 on has no switch, and its version is named', () => {
    const path = manifest('new', 'x\0Mesa 25.1.0-1%s\0y');
    for (const env of [{ VK_DRIVER_FILES: path }, { VK_ICD_FILENAMES: `/none.json:${path}` }])
      expect(() => findRadv('--isa navi31', { ...linux, env })).toThrow(
        /which Mesa 25\.1 and later cannot; .*radeon_icd\.x86_64\.json belongs to Mesa 25\.1\.0-1\. Install Mesa 23/,
      );
  });

  test('a Mesa with the switch is found, first where the variables say', () => {
    const path = manifest('old', 'x\0RADV_FORCE_FAMILY\0Mesa 24.0.5\0');
    expect(findRadv('--isa navi31', { ...linux, env: { VK_DRIVER_FILES: path } })).toBe(path);
  });

  test('a missing C compiler and one without headers are named with the package', () => {
    expect(() => buildShim('--isa navi31', folder, at('no-cc'))).toThrow(
      /^--isa navi31 needs a C compiler .*there is no .*no-cc\. On Debian and Ubuntu: apt-get install gcc libc6-dev\.$/,
    );
    expect(() => buildShim('--isa navi31', folder, 'false')).toThrow(/which false does not compile: /);
  });
});

/** Whether this machine has the parts. If not, the command says what is missing, which the tests below check instead. */
const missing = (() => {
  try {
    findRadv('--isa navi31');
    buildShim('--isa navi31', folder);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
})();
const REFUSAL = /^pose-gan bench: --isa navi31 needs (?:Mesa's|a RADV|a C)/;

/** What the command prints, and its exit code. */
async function bench(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const out = vi.spyOn(console, 'log').mockImplementation((text) => {
    printed.out += `${text}\n`;
  });
  const err = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed.err += String(text);
    return true;
  });
  try {
    return { code: await main(['bench', ...args]), ...printed };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

describe('pose-gan bench --isa', () => {
  test('compiles a kernel beside ours for a GPU that is not there, and writes figures and code', async () => {
    const kernel = at('my.wgsl');
    writeFileSync(kernel, readFileSync('shaders/conv2d/naive.wgsl'));
    const own = ['--op', 'conv2d', '--kernel', kernel, '--like', 'naive', '--variants', 'naive, tiled32x32'];
    const files = ['--asm', at('code'), '--out', at('isa.json')];
    const { code, out, err } = await bench('--isa', 'navi31', ...own, '--filter', '4x4x256x512', ...files);
    if (missing !== undefined) {
      expect(err).toMatch(REFUSAL);
      expect(code).toBe(2);
      return;
    }
    expect(err).toBe('');
    expect(code).toBe(0);
    const doc: IsaDocument = JSON.parse(readFileSync(at('isa.json'), 'utf8'));
    expect(doc.targets).toMatchObject([
      { isa: 'navi31', architecture: 'rdna-3', driver: expect.stringMatching(/Mesa/) },
    ]);
    const [mine, naive, tiled, ...more] = doc.targets[0]?.kernels ?? [];
    expect(more).toEqual([]);
    expect(mine).toMatchObject({ yours: true, vgprs: 24, spilledVgprs: 0 });
    expect(mine).toMatchObject({ loop: { isLoop: true, multiplyAdds: 1, loads: 2, multiplyAddsPerLoad: 0 } });
    // It is the same kernel under another name.
    expect({ ...naive, yours: true, variant: 'my.wgsl' }).toEqual({ ...mine, variant: 'my.wgsl' });
    expect(tiled).toMatchObject({ variant: 'tiled32x32', sharedBytes: 4096, loop: { multiplyAdds: 256 } });
    expect(out).toMatch(/^navi31 \(rdna-3\), compiled by .*\n\nkernel +VGPR .*\nmy\.wgsl /);
    expect(out).toContain('Nothing ran');
    expect(readdirSync(at('code'))).toEqual([
      'navi31-conv2d_naive.s',
      'navi31-conv2d_tiled32x32.s',
      'navi31-my.wgsl.s',
    ]);
    expect(readFileSync(at('code', 'navi31-my.wgsl.s'), 'utf8')).toMatch(
      /^; navi31: my\.wgsl\nBB0:\n[\s\S]*v_fmac_f32[\s\S]*s_endpgm/,
    );
  });

  test('a GPU that RADV does not know, and WGSL that does not compile, are errors of one cause', async () => {
    if (missing !== undefined) {
      expect(`pose-gan bench: ${missing}`).toMatch(REFUSAL);
      return;
    }
    const unknown = await bench('--isa', 'navi31,navi99', '--filter', 'conv2d naive', '--out', at('kept.json'));
    expect(unknown).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--isa navi99: RADV knows no GPU of this name/),
    });
    // What was compiled for the GPU before it is kept.
    expect(JSON.parse(readFileSync(at('kept.json'), 'utf8')).targets).toMatchObject([{ isa: 'navi31' }]);
    writeFileSync(at('bad.wgsl'), 'fn (');
    const bad = await bench('--isa', 'navi31', '--op', 'conv2d', '--kernel', at('bad.wgsl'), '--like', 'naive');
    expect(bad).toMatchObject({ code: 1, err: expect.stringMatching(/bad\.wgsl: line 1:4: expected identifier/) });
  });

  test.each([
    [['--isa', 'navi31', '--samples', '3'], /--samples does not go with --isa, which compiles kernels but cannot run/],
    [['--isa', 'navi31', '--variants', 'naive'], /--variants needs --op OP/],
    [['--isa', 'navi31', '--op', 'conv2d', '--like', 'naive'], /--op conv2d needs --kernel FILE\.wgsl/],
    [['--isa', 'a b'], /--isa must name GPUs, such as navi31 \(RDNA 3\).*; got "a b"/],
    [['--asm', 'x.s'], /--isa is needed/],
    [['--isa', 'navi31', '--asm', '/proc/x.s'], /cannot write --asm \/proc\/x\.s/],
  ])('%j is refused before any work', async (args, message) => {
    expect(await bench(...args)).toMatchObject({ code: 2, err: expect.stringMatching(message) });
  });

  test('a command that is ended leaves no process and no file behind', async () => {
    const { child, ended } = started();
    if (missing !== undefined) {
      expect(await ended).toMatchObject({ code: 2, err: expect.stringMatching(REFUSAL) });
      return;
    }
    const worker = await workerOf(child);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGTERM' });
    await vi.waitFor(() => expect(() => process.kill(worker, 0)).toThrow(), { timeout: 10_000 });
    expect(readdirSync(at('tmp'))).toEqual([]);
  });

  test('a crash of the compiler is an error that says how it ended', async () => {
    const { child, ended } = started();
    if (missing !== undefined) {
      expect(await ended).toMatchObject({ code: 2, err: expect.stringMatching(REFUSAL) });
      return;
    }
    process.kill(await workerOf(child), 'SIGKILL');
    const message = /--isa navi31: the process of the compiler ended by SIGKILL at /;
    expect(await ended).toMatchObject({ code: 1, err: expect.stringMatching(message) });
    expect(readdirSync(at('tmp'))).toEqual([]);
  });
});

/** The command in a process of its own, whose temporary files are in a folder of this test. */
function started() {
  const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
  mkdirSync(at('tmp'), { recursive: true });
  const env = { ...process.env, TMPDIR: at('tmp') };
  const args = [CLI, 'bench', '--isa', 'navi31', '--json'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr?.on('data', (chunk) => {
    err += String(chunk);
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, err }));
  return { child, ended };
}

/** The id of the process that a command has started to compile. */
function workerOf({ pid }: ChildProcess): Promise<number> {
  return vi.waitFor(
    () => {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
      const found = children.find((id) => readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('isa-worker'));
      expect(found).toBeDefined();
      return Number(found);
    },
    { timeout: 60_000, interval: 20 },
  );
}
