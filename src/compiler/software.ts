import type * as software from '../software/index.js';

/**
 * Loads what exists for adapters that run on the CPU alone. It is the only place that names that folder: where this is `undefined`,
 * such adapters run the GPU's kernels.
 */
export const loadSoftware: (() => Promise<typeof software>) | undefined = () => import('../software/index.js');
