/** One machine instruction. */
export interface Instruction {
  readonly name: string;
  /** Its operands and modifiers, as the disassembler writes them. */
  readonly operands: string;
}

/** A basic block: instructions that run one after the other, from the first to the last. */
export interface Block {
  /** The label at its begin; absent where only a branch before it begins the block. */
  readonly label?: string;
  readonly instructions: readonly Instruction[];
  /** The indices of the blocks that can run next. */
  readonly next: readonly number[];
}

const LABEL = /^(BB\d+):$/;
const INSTRUCTION = /^((?:[sv]|ds|buffer|tbuffer|global|flat|scratch|image|exp)_\w+)([^;]*)/;
/** How the disassembled code of a shader begins, unlike the compiler's own form of it, and its statistics after it. */
const HEADING = '\nBB0:\n';
const STATISTICS = '*** SHADER STATS ***';

/** What the driver says of a shader in its log. */
export interface DriverText {
  /** The disassembled code; `undefined` where the driver's disassembler does not know the GPU. */
  readonly assembly?: string;
  /** The lines `NAME: NUMBER` of its statistics. */
  readonly statistics: Readonly<Record<string, number>>;
}

/** The code and the statistics of the last shader in the log of Mesa's RADV; `undefined` if the log has none. */
export function readDriverLog(log: string): DriverText | undefined {
  const end = log.lastIndexOf(STATISTICS);
  if (end < 0) return undefined;
  const statistics: Record<string, number> = {};
  for (const line of log.slice(end + STATISTICS.length).split('\n')) {
    const [, name, value] = /^(\w[\w .-]*): (\d+)$/.exec(line) ?? [];
    if (name) statistics[name] = Number(value);
    else if (line.startsWith('****')) break;
  }
  const before = log.slice(0, end);
  // The compiler's own form comes first, also in place of the code, and heads its blocks without a colon.
  const begin = before.lastIndexOf(HEADING) > before.lastIndexOf('\nBB0\n') ? before.lastIndexOf(HEADING) : -1;
  if (begin < 0) return { statistics };
  const code = before.slice(begin + 1);
  return { assembly: `${code.replace(/\s*\n[^\n]*Shader:\n$/, '').trimEnd()}\n`, statistics };
}

/** The instruction of a line. RDNA 3 can write two in one, `v_dual_fmac_f32 … :: v_dual_mul_f32 …`, which are two. */
function instructionsOf(line: string): Instruction[] {
  return line.split('::').flatMap((part) => {
    const [, name, operands] = INSTRUCTION.exec(part.trim()) ?? [];
    return name === undefined || operands === undefined ? [] : [{ name, operands: operands.trim() }];
  });
}

const isBranch = ({ name }: Instruction) => /^s_c?branch/.test(name);
/** Whether the next instruction never runs after this one. */
const isEnd = ({ name }: Instruction) => /^s_(branch|endpgm|setpc_b64)/.test(name);

/** The basic blocks of a disassembled shader in the order of the code. The first is where it begins. */
export function blocksOf(assembly: string): Block[] {
  const parts: { label?: string; instructions: Instruction[] }[] = [{ instructions: [] }];
  for (const raw of assembly.split('\n')) {
    const line = raw.trim();
    const label = LABEL.exec(line)?.[1];
    if (label !== undefined) parts.push({ label, instructions: [] });
    for (const instruction of instructionsOf(line)) {
      parts.at(-1)?.instructions.push(instruction);
      if (isBranch(instruction)) parts.push({ instructions: [] });
    }
  }
  const blocks = parts.filter(({ label, instructions }) => label !== undefined || instructions.length);
  const at = new Map(blocks.flatMap(({ label }, i) => (label === undefined ? [] : [[label, i] as const])));
  return blocks.map(({ label, instructions }, i): Block => {
    const last = instructions.at(-1);
    const target = last && isBranch(last) ? at.get(/\bBB\d+\b/.exec(last.operands)?.[0] ?? '') : undefined;
    const follows = (!last || !isEnd(last)) && i + 1 < blocks.length;
    const next = [...(follows ? [i + 1] : []), ...(target === undefined ? [] : [target])];
    return { ...(label !== undefined && { label }), instructions, next: [...new Set(next)] };
  });
}
