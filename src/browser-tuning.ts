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
import { transact as inStore, settled } from './indexed-db.js';

/** Tunings in the browser: one record per adapter in IndexedDB, the `toJSON` form. Pages and workers of an origin share it. */

const PLACE = { database: 'webgpu-pose-gan', store: 'tuning' };

async function transact<T>(
  factory: IDBFactory | undefined,
  mode: IDBTransactionMode,
  body: (store: IDBObjectStore) => Promise<T>,
): Promise<T> {
  try {
    return await inStore(factory ?? indexedDB, PLACE, mode, body);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `tunings cannot be kept in IndexedDB here: ${reason}. Keep JSON.stringify(tuning) elsewhere and read it with Tuning.fromJSON.`,
    );
  }
}

const FACTORY: Kind = ['an IDBFactory', (v) => typeof (v as Partial<IDBFactory> | null)?.open === 'function'];

const keyOf = (a: AdapterIdentity) => [a.vendor, a.architecture, a.device, a.description];

/**
 * The tuning that is kept for an adapter, to be set as `engine.tuning`; the reason instead when the one there is of no use.
 * `UsageError` where the page may not use IndexedDB.
 */
export async function loadTuning(...args: [adapter: AdapterIdentity, factory?: IDBFactory]): Promise<StoredTuning> {
  const [adapter, factory] = checked('loadTuning', { adapter: ADAPTER, 'factory?': FACTORY }, args);
  const json = await transact(factory, 'readonly', (store) => settled<unknown>(store.get(keyOf(adapter))));
  return json === undefined ? {} : usable(() => json, adapter, 'the tuning kept in this browser');
}

/** Adds a tuning to what is kept for its adapter, in one transaction; measured again, a choice replaces the older one. */
export async function saveTuning(...args: [tuning: Tuning, factory?: IDBFactory]): Promise<void> {
  const [tuning, factory] = checked('saveTuning', { tuning: TUNING, 'factory?': FACTORY }, args);
  const key = keyOf(tuning.adapter);
  await transact(factory, 'readwrite', async (store) => {
    const json = await settled<unknown>(store.get(key));
    const before = usable(() => json, tuning.adapter, 'the tuning kept in this browser').tuning;
    await settled(store.put(mergedOver(before, tuning).toJSON(), key));
  });
}
