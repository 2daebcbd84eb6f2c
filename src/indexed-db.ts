/** Names an object store in a database of IndexedDB, which is made on first use. */
export interface StoreName {
  readonly database: string;
  readonly store: string;
}

/** A promise of the result of an IndexedDB request. */
export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** How long a database may take to open. Some browsers never answer the request. */
const OPEN_MS = 5000;

async function openDatabase(factory: IDBFactory, { database, store }: StoreName): Promise<IDBDatabase> {
  const request = factory.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(store);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const failure = new Promise<never>((_, reject) => {
    const fail = (why: string) => reject(new Error(`the database ${database} ${why}`));
    request.onblocked = () => fail('is being changed by another page');
    timer = setTimeout(() => fail(`did not open within ${OPEN_MS / 1000} s`), OPEN_MS);
  });
  const opened = resultOf(request);
  try {
    return await Promise.race([opened, failure]);
  } catch (error) {
    // A database that opens later must be closed, since it would keep other pages from changing it.
    opened.then(
      (database) => database.close(),
      () => {},
    );
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs `body` in one transaction; resolves with its result once everything is written. */
export async function transact<T>(
  factory: IDBFactory,
  { database: name, store }: StoreName,
  mode: IDBTransactionMode,
  body: (store: IDBObjectStore) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(factory, { database: name, store });
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
