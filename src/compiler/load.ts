import type { Kernels } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import { UsageError } from '../gpu/errors.js';
import { loadSoftware } from './software.js';

/** The only property of a device or an engine that matters here: whether it runs on the CPU. */
export interface Where {
  readonly software: boolean;
}

/** The loaded kernels of ops, either for GPUs or for adapters that run on the CPU. */
class Loaded {
  readonly kernels = new Map<Op, Kernels>();
  /** The ops whose kernels are being fetched. */
  readonly pending = new Map<Op, Promise<void>>();
}

const loaded = { gpu: new Loaded(), software: new Loaded() };
const loadedFor = ({ software }: Where) => loaded[software ? 'software' : 'gpu'];

/**
 * Loads the kernels of these ops, which a page downloads when it first needs them. Rejects with `UsageError` when the
 * kernels of an op cannot be fetched. The next call tries again, but some browsers fetch them again only after the page
 * is reloaded.
 */
export async function loadKernels(ops: Iterable<Op>, where: Where): Promise<void> {
  const { kernels, pending } = loadedFor(where);
  const missing = [...new Set(ops)].filter((op) => op.kernels && !kernels.has(op));
  await Promise.all(
    missing.map((op) => {
      const load = pending.get(op) ?? loadOne(op, where).finally(() => pending.delete(op));
      pending.set(op, load);
      return load;
    }),
  );
}

async function loadOne(op: Op, where: Where): Promise<void> {
  try {
    const special = where.software ? await loadSoftware?.() : undefined;
    const load = special?.kernelsFor(op) ?? op.kernels;
    const module = await load?.();
    if (module) loadedFor(where).kernels.set(op, module.kernels);
  } catch (error) {
    throw new UsageError(
      `the kernels of ${op.name} cannot be loaded: ${error instanceof Error ? error.message : error}. Serve every file of the build and reload the page.`,
    );
  }
}

/** Returns the kernels of an op, which `loadKernels` has loaded for this kind of device. */
export function kernelsOf(op: Op, where: Where): Kernels {
  const found = loadedFor(where).kernels.get(op);
  if (typeof found?.choose !== 'function')
    throw new UsageError(
      `${op.name} has no kernels: \`kernels\` of its op must be a function that resolves to { kernels }, as onlyKernel returns them`,
    );
  return found;
}
