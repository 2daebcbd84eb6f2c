import { type Block, blocksOf, type Instruction } from './disassembly.js';
import {
  type Counting,
  isCounted,
  isLoad,
  isScalarLoad,
  isShared,
  isStore,
  isVector,
  loadsLeft,
  multiplyAdds,
} from './instructions.js';
import { type Loop, loopsOf } from './loops.js';

/** What the hot loop of a kernel consists of; of a kernel without loops, the whole of it. One run of the loop is counted. */
export interface HotLoop {
  /** Whether it is a loop, and not the whole kernel. */
  readonly isLoop: boolean;
  /** The labels of its first and its last block in the code. */
  readonly from: string;
  readonly to: string;
  /** How many loops it is in, itself included. */
  readonly depth: number;
  readonly instructions: number;
  /** Vector instructions that are multiply-adds, and all others. */
  readonly multiplyAdds: number;
  readonly otherVector: number;
  /** `multiplyAdds` divided by the number of vector instructions; `null` if there are none. */
  readonly share: number | null;
  /** Accesses of workgroup memory. */
  readonly sharedAccesses: number;
  /** Loads and stores of storage by each lane. */
  readonly loads: number;
  readonly stores: number;
  /** Loads of one value for all lanes. */
  readonly scalarLoads: number;
  /**
   * The mean over the loads of the multiply-adds of each lane that run while the load is under way: between it and the wait
   * for it. `null` without loads, or if no wait is for one of them.
   */
  readonly multiplyAddsPerLoad: number | null;
}

/** How often the body of a loop is taken to run for each run of what it is in, to compare loops of different depth. */
const RUNS = 8;

const total = (body: readonly Instruction[], of: (i: Instruction) => number | boolean) =>
  body.reduce((sum, i) => sum + Number(of(i)), 0);

/**
 * The hot loop: the one whose own blocks, without those of loops within it, do the most multiply-adds, where each level of
 * nesting counts as eight runs. If no loop does any, vector instructions are counted instead. A kernel has no hot loop if only
 * the code outside its loops multiplies and adds, and that code then counts more than every loop.
 */
function hottest(blocks: readonly Block[]): Loop | undefined {
  const loops = loopsOf(blocks);
  const sum = (of: readonly number[], what: (i: Instruction) => number | boolean) =>
    of.reduce((all, b) => all + total(blocks[b]?.instructions ?? [], what), 0);
  const inLoops = new Set(loops.flatMap(({ own }) => own));
  const outside = blocks.map((_, i) => i).filter((i) => !inLoops.has(i));
  const what = sum([...inLoops], multiplyAdds) ? multiplyAdds : isVector;
  const weights = new Map(loops.map((loop) => [loop, RUNS ** loop.depth * sum(loop.own, what)]));
  const weight = (loop: Loop) => weights.get(loop) ?? 0;
  const [first] = [...loops].sort((a, b) => weight(b) - weight(a) || b.depth - a.depth);
  const isOutside = what === isVector && sum(outside, multiplyAdds) > 0;
  return first && isOutside && sum(outside, isVector) > weight(first) ? undefined : first;
}

/** The figures of a disassembled kernel's hot loop. */
export function hotLoop(assembly: string, counting: Counting): HotLoop {
  const blocks = blocksOf(assembly);
  const loop = hottest(blocks);
  const inLoop = loop?.blocks ?? blocks.map((_, i) => i);
  const body = inLoop.flatMap((b) => blocks[b]?.instructions ?? []);
  const name = (i: number | undefined) => labelOf(blocks, i ?? 0);
  const vector = total(body, isVector);
  const mads = total(body, (i) => multiplyAdds(i) > 0);
  return {
    isLoop: loop !== undefined,
    ...{ from: name(inLoop[0]), to: name(inLoop.at(-1)), depth: loop?.depth ?? 0, instructions: body.length },
    ...{ multiplyAdds: mads, otherVector: vector - mads, share: vector ? mads / vector : null },
    ...{ sharedAccesses: total(body, isShared), loads: total(body, isLoad), stores: total(body, isStore) },
    scalarLoads: total(body, isScalarLoad),
    multiplyAddsPerLoad: underWay(body, loop ? 2 : 1, counting),
  };
}

/** The label of a block, or the last one before it. */
function labelOf(blocks: readonly Block[], at: number): string {
  return blocks.slice(0, at + 1).findLast((b) => b.label !== undefined)?.label ?? 'the begin';
}

/**
 * The mean number of multiply-adds between a load of the first of `runs` runs of a body and the wait for it. Accesses return
 * in their order, so a wait that leaves n of them is for all but the last n. Blocks are taken in the order of the code.
 */
function underWay(body: readonly Instruction[], runs: number, counting: Counting): number | null {
  const open: { readonly measured: boolean; readonly begin: number }[] = [];
  const found: number[] = [];
  let done = 0;
  for (let run = 0; run < runs; run++)
    for (const instruction of body) {
      done += multiplyAdds(instruction);
      if (isCounted(instruction, counting)) open.push({ measured: run === 0 && isLoad(instruction), begin: done });
      const left = loadsLeft(instruction);
      while (left !== undefined && open.length > left) {
        const access = open.shift();
        if (access?.measured) found.push(done - access.begin);
      }
    }
  return found.length ? found.reduce((a, b) => a + b) / found.length : null;
}
