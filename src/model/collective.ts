import type { Shard } from '../shard.js';

/**
 * Several processes, called ranks, that train one model together. All of them call the same methods in the same order, each with as many
 * values as the others, and a call is complete only when all have made it.
 */
export interface Collective extends Shard {
  /** Replaces the values by their sums over all ranks. Every rank gets the same bits. */
  sum(values: Float32Array<ArrayBuffer>): Promise<void>;
  /** Replaces the bytes by those of rank 0. */
  broadcast(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** The text that rank 0 gives, on every rank. The others' texts are ignored. */
export async function broadcastText(ranks: Collective, text: string): Promise<string> {
  const encoded = new TextEncoder().encode(text);
  const length = Float64Array.of(encoded.length);
  await ranks.broadcast(new Uint8Array(length.buffer));
  const bytes = new Uint8Array(length[0] ?? 0);
  if (ranks.rank === 0) bytes.set(encoded);
  if (bytes.length) await ranks.broadcast(bytes);
  return new TextDecoder().decode(bytes);
}

/** The number of ranks that give `true`. */
export async function countOf(ranks: Collective, flag: boolean): Promise<number> {
  const count = Float32Array.of(Number(flag));
  await ranks.sum(count);
  return count[0] ?? 0;
}
