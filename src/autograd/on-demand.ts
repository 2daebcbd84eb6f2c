import { UsageError } from '../gpu/errors.js';
import type { Op, Variant } from './op.js';

type Load = () => Promise<void>;

/** How to load the kernels of an op, by its list of them. */
const loads = /* @__PURE__ */ new Map<Op['variants'], Load>();

/**
 * The kernels of an op, which are loaded when a graph with it is first compiled: a page downloads those that it runs. The list is
 * empty until then.
 */
export function onDemand<A>(load: () => Promise<Op<A>['variants']>): Op<A>['variants'] {
  const variants: Variant<A>[] = [];
  let loading: Promise<void> | undefined;
  loads.set(variants as Op['variants'], () => {
    loading ??= load().then(
      (found) => void variants.push(...found),
      (error) => {
        // A page may be offline now and not later.
        loading = undefined;
        throw error;
      },
    );
    return loading;
  });
  return variants;
}

/**
 * Resolves when the kernels of these ops are there. `UsageError` when those of one cannot be fetched; the next call tries again,
 * which some browsers do in a fresh page alone.
 */
export async function loadKernels(ops: Iterable<Op>): Promise<void> {
  const load = (op: Op) =>
    loads
      .get(op.variants)?.()
      .catch((error: Error) => {
        throw new UsageError(
          `the kernels of ${op.name} cannot be loaded: ${error.message}. Serve every file of the build, and load the page again.`,
        );
      });
  await Promise.all([...new Set(ops)].map(load));
}

/** The same of every op whose module is loaded; for benchmark and tests, which list kernels before they compile any. */
export async function loadAllKernels(): Promise<void> {
  await Promise.all([...loads.values()].map((load) => load()));
}
