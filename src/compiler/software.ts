import type { Kernels } from '../autograd/kernel.js';
import type { TextureSupport } from '../gpu/texture-reads.js';

/** What exists for adapters that run on the CPU alone. */
export interface SoftwareSupport {
  /** Loads the kernels that an op has on such adapters in place of its own, if it has any. */
  kernelsFor(op: unknown): (() => Promise<{ readonly kernels: Kernels }>) | undefined;
  /** Some of these kernels read arguments from textures. */
  textures(): Promise<TextureSupport>;
}

/**
 * The compiler's hook for such adapters, and the only line that names their folder. Where it is `undefined`, they run the GPU's
 * kernels.
 */
export const loadSoftware: (() => Promise<SoftwareSupport>) | undefined = () => import('../software/index.js');
