import type { Room } from '../../src/kernels/room.js';
import { rooms } from '../../src/kernels/rooms.js';
import { verifyFile } from '../../src/verify/verify.js';
import { allCases, checkCase, checkRefusal } from '../room-checks.js';
import { sharedEngine } from './shared.js';

/** These functions run the checks of every room and reference file in a page. */

/** The variants that some case has run. */
const done = new Set<string>();
const known = new Set<string>();

const roomOf = (name: string) => rooms.find((r) => r.name === name) as Room;

export const calls = {
  rooms: () => rooms.map((r) => ({ name: r.name, cases: allCases(r).length })),

  /** Runs a case with every choice of variants that runs one of them for the first time. Returns what was wrong. */
  checkCase: async (room: string, index: number) => {
    const of = roomOf(room);
    const report = await checkCase(await sharedEngine(), of, allCases(of)[index] as Room['cases'][number], done);
    for (const name of report.known) known.add(name);
    for (const name of report.ran) done.add(name);
    return report.problems;
  },

  missed: async () => ({
    variants: [...known].filter((name) => !done.has(name)),
    subgroups: (await sharedEngine()).subgroupSize,
  }),

  refusals: () => rooms.flatMap((room) => room.refuses.flatMap((r) => checkRefusal(room, r) ?? [])),

  verify: async (name: string) => {
    const bytes = new Uint8Array(await (await fetch(`fixtures/${name}`)).arrayBuffer());
    return verifyFile(await sharedEngine(), name, bytes);
  },
};

export type Calls = typeof calls;
