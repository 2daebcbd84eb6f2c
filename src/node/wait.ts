/**
 * Dawn's Node binding polls in a setImmediate loop while one of its promises is pending, which takes a whole core, on a software
 * adapter one of those that compute. Sleeping a little per turn of the event loop while something waits cures it: 0.3 ms for an
 * adapter on the CPU, 0.05 ms for a GPU, whose answers come sooner.
 */
export function politeWait(software: boolean): <T>(promise: Promise<T>) => Promise<T> {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const nap = software ? 0.3 : 0.05;
  let waiting = 0;
  let turning = false;
  const turn = () => {
    turning = waiting > 0;
    if (!turning) return;
    Atomics.wait(cell, 0, 0, nap);
    setImmediate(turn);
  };
  return async (promise) => {
    waiting++;
    if (!turning) setImmediate(turn);
    turning = true;
    try {
      return await promise;
    } finally {
      waiting--;
    }
  };
}
