import { settled, transact } from '../../../src/indexed-db.js';
import type { LogRow } from '../../../src/model/iterate.js';
import type { RunFiles } from '../../../src/model/run-files.js';
import type { DataChoice } from './protocol.js';

/** The last snapshot of the last run, kept in IndexedDB so that a reload can go on with it. */
export interface Kept {
  readonly files: RunFiles;
  readonly rows: readonly LogRow[];
  readonly data: DataChoice;
  /** Milliseconds since 1970. */
  readonly when: number;
}

const PLACE = { database: 'webgpu-pose-gan-train', store: 'runs' };
const LAST = 'last';

const inStore = <T>(mode: IDBTransactionMode, body: (store: IDBObjectStore) => IDBRequest<T>) =>
  transact(indexedDB, PLACE, mode, (store) => settled(body(store)));

/** Rejects where the page may not use IndexedDB, or its room is used up. */
export const keep = (run: Kept) => inStore('readwrite', (store) => store.put(run, LAST));
export const kept = () => inStore<Kept | undefined>('readonly', (store) => store.get(LAST));
export const forget = () => inStore('readwrite', (store) => store.delete(LAST));
