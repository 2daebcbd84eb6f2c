/** One store of a database in IndexedDB; it is made on first use. */
export interface Place {
  readonly database: string;
  readonly store: string;
}

/** A request of IndexedDB as a promise. */
export function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Runs `body` in one transaction; resolves with its result once everything is written. */
export async function transact<T>(
  factory: IDBFactory,
  { database: name, store }: Place,
  mode: IDBTransactionMode,
  body: (store: IDBObjectStore) => Promise<T>,
): Promise<T> {
  const opening = factory.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(store, mode);
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([body(transaction.objectStore(store)), done]);
    return result;
  } finally {
    database.close();
  }
}
