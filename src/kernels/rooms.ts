import type { Room } from './room.js';

/** Every room, found by its folder: a new op is tested and benched by adding one. */
const found = import.meta.glob<readonly Room[]>('./*/cases.ts', { eager: true, import: 'rooms' });

export const rooms: readonly Room[] = Object.values(found).flat();
