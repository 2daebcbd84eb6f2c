import type { Instruction } from './disassembly.js';

/** How a GPU counts the accesses of memory that are under way. */
export interface Counting {
  /** Whether stores are counted together with loads, as before RDNA. RDNA has a counter of their own for them. */
  readonly storesWithLoads: boolean;
}

/** Floating-point multiply-adds: `v_fma_f32`, `v_fmac_f16_e32`, `v_madak_f32`, `v_pk_fma_f32`, `v_dual_fmac_f32`, `v_fma_mix_f32`. */
const MULTIPLY_ADD = /^v_(?:dual_|pk_)?(?:fma|mac|mad)[acmk]*_(?:legacy_|mix(?:lo|hi)?_)?f(?:16|32|64)/;
/** Sums of several products: `v_dot2_f32_f16`, `v_dot2acc_f32_f16`, `v_dual_dot2acc_f32_f16`. */
const DOT = /^v_(?:dual_)?dot(\d)(?:acc|c)?_f/;

/**
 * How many multiply-adds an instruction does in each lane. A mixed one by 1, `v_fma_mixlo_f16 v0, 1.0, v1, neg(0)`, only converts
 * or adds.
 */
export function multiplyAdds({ name, operands }: Instruction): number {
  if (name.includes('_mix') && /(?:^|[\s,])1\.0(?:,|$)/.test(operands)) return 0;
  const products = DOT.exec(name)?.[1];
  if (products !== undefined) return Number(products);
  if (!MULTIPLY_ADD.test(name)) return 0;
  return name.startsWith('v_pk_') ? 2 : 1;
}

/** Instructions of the vector unit, which computes in all lanes. */
export const isVector = ({ name }: Instruction) => name.startsWith('v_');
/** Accesses of workgroup memory. */
export const isShared = ({ name }: Instruction) => name.startsWith('ds_');
/** Loads of each lane from storage buffers or textures, without spilled registers. */
export const isLoad = ({ name }: Instruction) => /^(?:t?buffer|global|flat|image)_(?:load|sample|gather4)/.test(name);
/** Stores and atomics of each lane. */
export const isStore = ({ name }: Instruction) => /^(?:t?buffer|global|flat|image)_(?:store|atomic)/.test(name);
/** Loads of one value for all lanes. */
export const isScalarLoad = ({ name }: Instruction) => /^s_(?:buffer_)?load/.test(name);

/** Whether an instruction increments the counter on which code waits for its loads. Accesses of spilled registers do so as well. */
export function isCounted(instruction: Instruction, { storesWithLoads }: Counting): boolean {
  const { name, operands } = instruction;
  if (isLoad(instruction) || name.startsWith('scratch_load')) return true;
  // An atomic that returns the old value is a load.
  if (/_atomic/.test(name) && /\b(?:glc|sc0|th:TH_ATOMIC_RETURN)\b/.test(operands)) return true;
  return storesWithLoads && (isStore(instruction) || name.startsWith('scratch_store'));
}

/** The most loads that can still be under way after an instruction; `undefined` if it does not wait for loads. */
export function loadsLeft({ name, operands }: Instruction): number | undefined {
  // GCN, CDNA and RDNA 1 to 3: "s_waitcnt vmcnt(2) lgkmcnt(0)".
  if (name === 's_waitcnt') {
    const [, count] = /vmcnt\((\d+)\)/.exec(operands) ?? [];
    if (count !== undefined) return Number(count);
    return /^(?:0|0x0+)$/.test(operands) ? 0 : undefined;
  }
  const value = Number(/(0x[\da-f]+|\d+)\s*$/i.exec(operands)?.[1] ?? Number.NaN);
  if (Number.isNaN(value)) return undefined;
  // RDNA 4 has one instruction for each counter, and one for two of them: loads in bits 8 to 13.
  if (name === 's_wait_loadcnt' || name === 's_waitcnt_vmcnt') return value;
  return name === 's_wait_loadcnt_dscnt' ? (value >> 8) & 63 : undefined;
}
