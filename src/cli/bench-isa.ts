import { extname, join } from 'node:path';
import {
  type CompiledKernel,
  type IsaProgress,
  type IsaTarget,
  isaDocument,
  kernelName,
  type RefusedKernel,
} from '../bench/isa/document.js';
import type { IsaRequest } from '../bench/isa/kernels.js';
import { ISA_NOTES, isaText } from '../bench/isa/text.js';
import { UsageError } from '../gpu/errors.js';
import { writeFileAtomic } from '../node/files.js';
import { compileOn } from '../node/isa-compiler.js';
import { kernelOptions, list, listed } from './bench-kernel.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { sayJson, sayLayout } from './terminal.js';
import { noMore, output, positive, required, text } from './values.js';

export const benchIsaOptions: Command['options'] = {
  isa: { type: 'string' },
  asm: { type: 'string' },
};

export const benchIsaHelp: Command['help'] = {
  isa: 'show what the compiler of a GPU, as in navi31 or navi31,vega10, makes of the kernels, without that GPU (Linux with Mesa 23 to 25.0 and cc)',
  asm: 'with --isa: write the disassembled kernels to this file (.s, .asm, .txt), or one file each to this folder',
};

export const benchIsaExamples: Command['examples'] = [
  'pose-gan bench --isa navi31 --filter conv2d',
  'pose-gan bench --isa navi31,vega10 --op conv2d --kernel my.wgsl --like naive --asm my.s',
];

/** The options about a kernel of the user's. */
const KERNEL = ['kernel', 'workgroups', 'like', 'entry', 'params', 'constants', 'scratch', 'require'];
/** The options of bench that --isa uses. The others are about running kernels. */
const USED = ['isa', 'asm', 'filter', 'out', 'json', 'debug', 'timeout', 'op', 'case', 'variants', ...KERNEL];

interface Code {
  readonly isa: string;
  readonly kernel: CompiledKernel | RefusedKernel;
  readonly assembly: string;
}

/** Compiles kernels for GPUs that this machine need not have, and shows what became of them. Returns the exit code. */
export async function benchIsa(values: Values, positionals: readonly string[]): Promise<number> {
  noMore(positionals);
  required(values, 'isa');
  const other = Object.keys(values).find((name) => values[name] !== undefined && !USED.includes(name));
  if (other) throw new UsageError(`--${other} does not go with --isa, which compiles kernels but cannot run them`);
  const targets = [...new Set(listed(values, 'isa') ?? [])];
  const limitMs = 1000 * positive(values, 'timeout', 120);
  const out = output(values, 'out', 'file');
  const asm = asmOutput(values);
  const request = requestOf(values);
  const found: IsaTarget[] = [];
  const codes: Code[] = [];
  for (const isa of targets) {
    const target = await compileTarget(isa, request, limitMs, codes);
    found.push(target);
    // What is done is kept if the compiler fails for a later GPU.
    if (out) writeFileAtomic(out, `${JSON.stringify(isaDocument(found), null, 2)}\n`);
    asm?.(codes);
    if (!values.json) sayLayout(`${found.length > 1 ? '\n' : ''}${isaText(target)}`);
  }
  if (values.json) sayJson(isaDocument(found));
  else sayLayout(`\n${ISA_NOTES}`);
  return found.some(({ kernels }) => kernels.some((k) => 'failed' in k)) ? 1 : 0;
}

function requestOf(values: Values): IsaRequest {
  const given = (names: readonly string[]) => names.find((name) => values[name] !== undefined);
  const [kernel, ofOp] = [given(KERNEL), given(['case', 'variants'])];
  const op = text(values, 'op');
  if (op === undefined && (kernel ?? ofOp)) throw new UsageError(`--${kernel ?? ofOp} needs --op OP`);
  const cases = list(values, 'case');
  if (cases.length && values.filter !== undefined)
    throw new UsageError('--filter selects among our cases; it cannot be used with --case');
  return {
    ...{ op, filter: text(values, 'filter'), cases: cases.length ? cases : undefined },
    ...{ kernel: kernel === undefined ? undefined : kernelOptions(values), variants: listed(values, 'variants') },
  };
}

async function compileTarget(isa: string, request: IsaRequest, limitMs: number, codes: Code[]): Promise<IsaTarget> {
  let compiler = { isa, driver: '', architecture: '' };
  const kernels: (CompiledKernel | RefusedKernel)[] = [];
  let bar: ReturnType<typeof progress> | undefined;
  const onResult = (found: IsaProgress) => {
    if ('total' in found) {
      const { total, ...rest } = found;
      compiler = rest;
      bar = progress(isa, total, { unit: 'kernels' });
      return;
    }
    const { kernel, assembly } = found;
    kernels.push(kernel);
    if (assembly !== undefined) codes.push({ isa, kernel, assembly });
    bar?.update(kernels.length, kernelName(kernel));
  };
  await compileOn({ isa, request, limitMs, onResult }).finally(() => bar?.end());
  return { ...compiler, kernels };
}

/** What writes the code to --asm, which is checked before: a path with the extension of a text is one file, any other a folder. */
function asmOutput(values: Values): ((codes: readonly Code[]) => void) | undefined {
  const path = text(values, 'asm');
  if (path === undefined) return undefined;
  const isFile = ['.s', '.asm', '.txt'].includes(extname(path).toLowerCase());
  output(values, 'asm', isFile ? 'file' : 'folder');
  const titled = ({ isa, kernel, assembly }: Code) => `; ${isa}: ${kernelName(kernel)}\n${assembly}`;
  if (isFile) return (codes) => writeFileAtomic(path, codes.map(titled).join('\n'));
  return (codes) => {
    const names = new Set<string>();
    for (const code of codes) {
      const plain = `${code.isa}-${kernelName(code.kernel)}`
        .replace(/[^\w.=-]+/g, '_')
        .replace(/_+$/, '')
        .slice(0, 120);
      let name = plain;
      for (let n = 2; names.has(name); n++) name = `${plain}-${n}`;
      names.add(name);
      writeFileAtomic(join(path, `${name}.s`), titled(code));
    }
  };
}
