import { resultOf, transact } from '../../../src/indexed-db.js';
import type { LogRow } from '../../../src/model/iterate.js';
import type { RunFiles } from '../../../src/model/run-files.js';
import type { DataChoice } from './protocol.js';

/** The last snapshot of the last run, stored in IndexedDB so that the run can be continued after a reload of the page. */
export interface SavedRun {
  readonly files: RunFiles;
  readonly rows: readonly LogRow[];
  readonly data: DataChoice;
  /** Milliseconds since 1970. */
  readonly when: number;
}

const STORE = { database: 'webgpu-pose-gan-train', store: 'runs' };
const LAST = 'last';

const inStore = <T>(mode: IDBTransactionMode, body: (store: IDBObjectStore) => IDBRequest<T>) =>
  transact(indexedDB, STORE, mode, (store) => resultOf(body(store)));

/** Rejects if the page may not use IndexedDB, or if the storage is full. */
export const saveRun = (run: SavedRun) => inStore('readwrite', (store) => store.put(run, LAST));
export const loadSavedRun = () => inStore<SavedRun | undefined>('readonly', (store) => store.get(LAST));
export const deleteSavedRun = () => inStore('readwrite', (store) => store.delete(LAST));
