import type { FixtureReader, Room, Terms } from './room.js';

interface RoomModule {
  readonly rooms: readonly Room[];
  /** By op. */
  readonly terms?: Readonly<Record<string, Terms>>;
}

/** Every room, found by its folder: a new op is tested and benched by adding one. */
const found: Record<string, RoomModule> = import.meta.glob<RoomModule>('./*/cases.ts', { eager: true });

export const rooms: readonly Room[] = Object.values(found).flatMap((m) => m.rooms);

/** Readers of reference files by the op they name. */
export const fixtureReaders: ReadonlyMap<string, FixtureReader> = new Map(
  rooms.flatMap((room) => Object.entries(room.fixtures ?? {})),
);

/** Layout and names of every op's kernels, for `pose-gan bench --contract`. */
export const terms: ReadonlyMap<string, Terms> = new Map(
  Object.values(found).flatMap((m) => Object.entries(m.terms ?? {})),
);
