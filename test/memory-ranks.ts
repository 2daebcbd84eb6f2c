import type { Collective } from '../src/model/collective.js';

interface Call {
  readonly kind: string;
  readonly arrays: (Float32Array | Uint8Array)[];
  readonly done: Promise<void>;
  readonly resolve: () => void;
}

/**
 * Ranks in one process, whose calls meet in memory. Sums are added in the order of the ranks. A call that does not fit those of the
 * other ranks, with which a real MPI would hang or mix up values, is an error.
 */
export function memoryRanks(size: number): readonly Collective[] {
  const calls = new Map<number, Call>();
  const made = new Array<number>(size).fill(0);

  function meet<T extends Float32Array | Uint8Array>(
    rank: number,
    kind: string,
    array: T,
    finish: (arrays: readonly T[]) => void,
  ): Promise<void> {
    const number = made[rank] ?? 0;
    made[rank] = number + 1;
    let call = calls.get(number);
    if (!call) {
      let resolve = () => {};
      const done = new Promise<void>((r) => {
        resolve = r;
      });
      call = { kind, arrays: [], done, resolve };
      calls.set(number, call);
    }
    const other = call.arrays.find((a) => a);
    if (call.kind !== kind || (other && other.length !== array.length))
      throw new Error(
        `call ${number}: rank ${rank} calls ${kind}(${array.length}), others ${call.kind}(${other?.length})`,
      );
    call.arrays[rank] = array;
    if (Object.keys(call.arrays).length === size) {
      finish(call.arrays as T[]);
      calls.delete(number);
      call.resolve();
    }
    return call.done;
  }

  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    sum: async (values) =>
      meet(rank, 'sum', values, (all) => {
        const sums = (all[0] as Float32Array).slice();
        for (const other of all.slice(1)) for (const [i, v] of other.entries()) sums[i] = (sums[i] as number) + v;
        for (const array of all) array.set(sums);
      }),
    broadcast: async (bytes) =>
      meet(rank, 'broadcast', bytes, ([first, ...others]) => {
        for (const array of others) array.set(first as Uint8Array);
      }),
  }));
}
