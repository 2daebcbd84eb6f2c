import { checked, type Kind } from './gpu/arguments.js';
import { UsageError } from './gpu/errors.js';
import {
  ADAPTER,
  type AdapterIdentity,
  mergedOver,
  type StoredTuning,
  TUNING,
  type Tuning,
  usable,
} from './gpu/tuner.js';
import { transact as inStore, resultOf } from './indexed-db.js';

/** The store of tunings in IndexedDB. It has one record per adapter, as JSON, and all pages and workers of an origin share it. */
const STORE = { database: 'webgpu-pose-gan', store: 'tuning' };

async function transact<T>(
  factory: IDBFactory | undefined,
  mode: IDBTransactionMode,
  body: (store: IDBObjectStore) => Promise<T>,
): Promise<T> {
  try {
    return await inStore(factory ?? indexedDB, STORE, mode, body);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `tunings cannot be stored in IndexedDB here: ${reason}. Store JSON.stringify(tuning) elsewhere and read it with Tuning.fromJSON.`,
    );
  }
}

const FACTORY: Kind = ['an IDBFactory', (v) => typeof (v as Partial<IDBFactory> | null)?.open === 'function'];

const keyOf = (a: AdapterIdentity) => [a.vendor, a.architecture, a.device, a.description];

/**
 * The tuning that is stored for an adapter, to be set as `engine.tuning`, or the reason why the stored one cannot be used. Throws
 * `UsageError` if the page may not use IndexedDB.
 */
export async function loadTuning(...args: [adapter: AdapterIdentity, factory?: IDBFactory]): Promise<StoredTuning> {
  const [adapter, factory] = checked('loadTuning', { adapter: ADAPTER, 'factory?': FACTORY }, args);
  const json = await transact(factory, 'readonly', (store) => resultOf<unknown>(store.get(keyOf(adapter))));
  return json === undefined ? {} : usable(() => json, adapter, 'the tuning stored in this browser');
}

/** Adds a tuning to what is stored for its adapter, in one transaction. Its choices replace older ones. */
export async function saveTuning(...args: [tuning: Tuning, factory?: IDBFactory]): Promise<void> {
  const [tuning, factory] = checked('saveTuning', { tuning: TUNING, 'factory?': FACTORY }, args);
  const key = keyOf(tuning.adapter);
  await transact(factory, 'readwrite', async (store) => {
    const json = await resultOf<unknown>(store.get(key));
    const before = usable(() => json, tuning.adapter, 'the tuning stored in this browser').tuning;
    await resultOf(store.put(mergedOver(before, tuning).toJSON(), key));
  });
}
