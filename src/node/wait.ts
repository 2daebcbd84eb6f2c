/**
 * Wraps waits for promises of Dawn. While such a promise is pending, Dawn's Node binding polls in a setImmediate loop, which occupies a
 * whole core; a software adapter needs that core to compute. So while something is pending, this sleeps in each turn of the event loop:
 * 0.3 ms for a software adapter, and 0.05 ms for a GPU, which responds sooner.
 */
export function throttledWait(software: boolean): <T>(promise: Promise<T>) => Promise<T> {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const sleepMs = software ? 0.3 : 0.05;
  let pending = 0;
  let scheduled = false;
  const sleep = () => {
    scheduled = pending > 0;
    if (!scheduled) return;
    Atomics.wait(cell, 0, 0, sleepMs);
    setImmediate(sleep);
  };
  return async (promise) => {
    pending++;
    if (!scheduled) setImmediate(sleep);
    scheduled = true;
    try {
      return await promise;
    } finally {
      pending--;
    }
  };
}
