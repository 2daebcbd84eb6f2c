import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Launch } from '../node/launch.js';
import { joinMpi, type MpiRanks } from '../node/mpi.js';
import { fail } from './failures.js';

/** How long a rank other than 0 waits before it reports an error, and how much longer each further rank waits, in milliseconds. */
const LATER_MS = 2000;
const EACH_MS = 100;

/**
 * Does the work of one rank. An error on any rank is reported in one line that names the rank, and ends all of them. Most errors in
 * arguments or data occur on every rank; then rank 0 reports it first, and ends the others before they do.
 */
export async function asRank(
  command: string,
  launch: Launch,
  work: (ranks: MpiRanks) => Promise<number>,
): Promise<number> {
  let ranks: MpiRanks | undefined;
  try {
    ranks = await joinMpi(launch);
    const code = await work(ranks);
    await ranks.end();
    return code;
  } catch (error) {
    const { rank, size } = launch;
    if (rank > 0) await delay(LATER_MS + EACH_MS * rank);
    const code = fail(`${command}: rank ${rank} on ${hostname()} ends all ${size} ranks`, error);
    return ranks ? ranks.abort(code) : code;
  }
}
