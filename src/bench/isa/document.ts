import { VERSION } from '../../version.js';
import type { DriverText } from './disassembly.js';
import { type HotLoop, hotLoop } from './figures.js';
import type { KernelUse } from './kernels.js';

/** A kernel as a GPU's compiler has made it. */
export interface CompiledKernel extends KernelUse {
  /** Registers that each wave has: of each lane, and those that its lanes share. */
  readonly vgprs: number;
  readonly sgprs: number;
  /** Registers whose values did not fit and are kept in memory. */
  readonly spilledVgprs: number;
  readonly spilledSgprs: number;
  /** Bytes of workgroup memory of a workgroup. */
  readonly sharedBytes: number;
  /** Bytes of memory that each lane has for arrays and spilled registers. */
  readonly scratchBytes: number;
  readonly codeBytes: number;
  /** Lanes of a wave. */
  readonly waveSize: 32 | 64;
  /** The most waves that registers and workgroup memory let a SIMD keep in flight. */
  readonly waves: number;
  /** `null` where the driver cannot disassemble the GPU's code. */
  readonly loop: HotLoop | null;
}

/** A kernel that the compiler refused, and why. */
export interface RefusedKernel extends KernelUse {
  readonly failed: string;
}

/** What is known of the compiler. */
export interface IsaCompiler {
  /** The name of the GPU, such as `navi31`. */
  readonly isa: string;
  /** The driver and its version, and the architecture, as WebGPU states them. */
  readonly driver: string;
  readonly architecture: string;
}

/** What one GPU's compiler makes of the kernels. */
export interface IsaTarget extends IsaCompiler {
  readonly kernels: readonly (CompiledKernel | RefusedKernel)[];
}

/** What compiling tells: first of the compiler and the number of kernels, then of each kernel, with its disassembled code. */
export type IsaProgress =
  | (IsaCompiler & { readonly total: number })
  | { readonly kernel: CompiledKernel | RefusedKernel; readonly assembly?: string };

/** What `pose-gan bench --isa` writes. */
export interface IsaDocument {
  readonly format: 'webgpu-pose-gan isa';
  readonly version: 1;
  readonly library: string;
  /** ISO 8601. */
  readonly date: string;
  readonly targets: readonly IsaTarget[];
}

export function isaDocument(targets: readonly IsaTarget[], date = new Date().toISOString()): IsaDocument {
  return { format: 'webgpu-pose-gan isa', version: 1, library: VERSION, date, targets };
}

/** Names of the driver's statistics. */
const STATISTICS = {
  vgprs: 'VGPRs',
  sgprs: 'SGPRs',
  spilledVgprs: 'Spilled VGPRs',
  spilledSgprs: 'Spilled SGPRs',
  sharedBytes: 'LDS size',
  scratchBytes: 'Scratch size',
  codeBytes: 'Code size',
  waves: 'Subgroups per SIMD',
} as const;

/** The figures of a kernel from what the driver says of it. */
export function compiledKernel(
  use: KernelUse,
  { statistics, assembly }: DriverText,
  compiler: IsaCompiler,
): CompiledKernel | RefusedKernel {
  const missing = Object.values(STATISTICS).find((name) => statistics[name] === undefined);
  if (missing) return { ...use, failed: `the driver's statistics have no line "${missing}"` };
  const of = (name: keyof typeof STATISTICS) => statistics[STATISTICS[name]] ?? 0;
  const waveSize = waveSizeOf(assembly ?? '');
  const isRdna = isRdnaOf(compiler);
  // On RDNA the driver counts in units of 32 lanes.
  const units = isRdna ? waveSize / 32 : 1;
  return {
    ...use,
    ...{ vgprs: of('vgprs'), sgprs: of('sgprs') },
    ...{ spilledVgprs: of('spilledVgprs'), spilledSgprs: of('spilledSgprs') },
    ...{ sharedBytes: of('sharedBytes'), scratchBytes: of('scratchBytes'), codeBytes: of('codeBytes') },
    ...{ waveSize, waves: Math.max(1, Math.floor(of('waves') / units)) },
    loop: assembly === undefined ? null : hotLoop(assembly, { storesWithLoads: !isRdna }),
  };
}

/** Whether a GPU is RDNA 1 to 4; for others, GCN and CDNA, the architecture is called otherwise or not at all. */
const isRdnaOf = ({ isa, architecture }: IsaCompiler) => /^rdna/.test(architecture) || /^(?:navi|gfx1[0-2])/i.test(isa);

/** Only waves of 32 lanes use halves of the masks of lanes alone. */
function waveSizeOf(assembly: string): 32 | 64 {
  return /\b(?:exec|vcc)_lo\b/.test(assembly) && !/\b(?:exec|vcc)\b/.test(assembly) ? 32 : 64;
}

/** The name of a kernel in tables and file names. */
export function kernelName({ op, variant, part, yours }: KernelUse): string {
  return `${yours ? variant : `${op}/${variant}`}${part && ` (${part})`}`;
}
