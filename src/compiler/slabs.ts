import type { ParameterSet } from '../autograd/parameters.js';
import { layOut, type SlabLayout } from '../gpu/parameter-storage.js';
import { present } from '../present.js';
import type { GradientSlot } from './homes.js';
import type { Allocation } from './kernel-call.js';

/**
 * The slabs of the parameter sets that a plan uses, and of the gradients that it computes. Both have the same layout.
 */
export class Slabs {
  readonly #layouts = new Map<ParameterSet, SlabLayout>();
  readonly #allocations = new Map<string, Map<ParameterSet, readonly Allocation[]>>();

  constructor(private readonly limits: GPUSupportedLimits) {}

  #layout(set: ParameterSet): SlabLayout {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.limits;
    const layout = this.#layouts.get(set) ?? layOut(set, Math.min(maxStorageBufferBindingSize, maxBufferSize));
    this.#layouts.set(set, layout);
    return layout;
  }

  /** Returns all slabs of a set's parameters or of their gradients. */
  of(set: ParameterSet, kind: 'parameter' | 'gradient'): readonly Allocation[] {
    const known = this.#allocations.get(kind) ?? new Map<ParameterSet, readonly Allocation[]>();
    this.#allocations.set(kind, known);
    const slabs =
      known.get(set) ??
      this.#layout(set).slabs.map((elements, index): Allocation => {
        return { label: `${kind}s/${set.name}#${index}`, kind, elements, slab: { set, index } };
      });
    known.set(set, slabs);
    return slabs;
  }

  /** Returns the place of a parameter or its gradient. */
  slot(set: ParameterSet, name: string, kind: 'parameter' | 'gradient'): GradientSlot {
    const { slab, offset } = present(this.#layout(set).at.get(name));
    return { allocation: present(this.of(set, kind)[slab]), offset };
  }
}
