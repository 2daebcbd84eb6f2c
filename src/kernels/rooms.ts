import type { FixtureReader, Room } from './room.js';

interface RoomModule {
  readonly rooms: readonly Room[];
  /** Readers of reference files that belong to no room of the list (an op that updates in place). */
  readonly fixtures?: Readonly<Record<string, FixtureReader>>;
}

/** Every room, found by its folder: a new op is tested and benched by adding one. */
const found: Record<string, RoomModule> = import.meta.glob<RoomModule>('./*/cases.ts', { eager: true });

export const rooms: readonly Room[] = Object.values(found).flatMap((m) => m.rooms);

/** Readers of reference files by the op they name. */
export const fixtureReaders: ReadonlyMap<string, FixtureReader> = new Map(
  [...Object.values(found), ...rooms].flatMap((m) => Object.entries(m.fixtures ?? {})),
);
