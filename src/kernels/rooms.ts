import type { FixtureReader, Room, Terms } from './room.js';

interface RoomModule {
  readonly rooms: readonly Room[];
  /** By op. */
  readonly terms?: Readonly<Record<string, Terms>>;
}

/** This finds every room by its folder, so a new op is tested and benchmarked as soon as it has one. */
const found: Record<string, RoomModule> = import.meta.glob<RoomModule>('./*/cases.ts', { eager: true });

export const rooms: readonly Room[] = Object.values(found).flatMap((m) => m.rooms);

/** The rooms of one folder. */
export const roomsOf = (folder: string): readonly Room[] => found[`./${folder}/cases.ts`]?.rooms ?? [];

/** Readers of reference files, by the op that the files name. */
export const fixtureReaders: ReadonlyMap<string, FixtureReader> = new Map(
  rooms.flatMap((room) => Object.entries(room.fixtures ?? {})),
);

/** Layout and names of every op's kernels, for `pose-gan bench --contract`. */
export const terms: ReadonlyMap<string, Terms> = new Map(
  Object.values(found).flatMap((m) => Object.entries(m.terms ?? {})),
);
