import type * as timing from './tune.js';

/**
 * Times the kernels that can run each call and adds the choices to `engine.tuning`; see `TuneOptions`. The code for
 * timing is loaded when it is first called. Throws `AdapterError` when the device has no timestamps.
 */
export const tune: typeof timing.tune = async (...args) => (await import('./tune.js')).tune(...args);
