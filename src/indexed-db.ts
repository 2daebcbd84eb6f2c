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

/** How long a database may take to open. Some browsers leave the request without an answer. */
const OPEN_MS = 5000;

/** The open database. */
async function opened(factory: IDBFactory, { database, store }: Place): Promise<IDBDatabase> {
  const request = factory.open(database, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(store);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const give = (why: string) => reject(new Error(`the database ${database} ${why}`));
    request.onblocked = () => give('is being changed by another page');
    timer = setTimeout(() => give(`did not open within ${OPEN_MS / 1000} s`), OPEN_MS);
  });
  const answer = settled(request);
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    // One that opens after all would keep others from changing it.
    answer.then(
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
  place: Place,
  mode: IDBTransactionMode,
  body: (store: IDBObjectStore) => Promise<T>,
): Promise<T> {
  const database = await opened(factory, place);
  try {
    const transaction = database.transaction(place.store, mode);
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([body(transaction.objectStore(place.store)), done]);
    return result;
  } finally {
    database.close();
  }
}
