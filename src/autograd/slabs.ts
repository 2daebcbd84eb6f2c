import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import type { ParameterSet, UpdateAttrs } from './leaves.js';
import { type GradientSlot, newRoot, type Root } from './placement.js';
import { layOut, type SlabLayout } from './storage.js';
import type { Node, Tensor } from './tensor.js';

/** Where a plan has the parameters it uses, and the gradients of those that it updates. */
export class Slabs {
  readonly #layouts = new Map<ParameterSet, SlabLayout>();
  readonly #parameters = new Map<ParameterSet, readonly Root[]>();
  readonly #gradients = new Map<ParameterSet, readonly Root[]>();

  constructor(
    private readonly engine: Engine,
    nodes: readonly Node[],
  ) {
    for (const { op, attrs } of nodes) {
      if (op.kind !== 'update') continue;
      const { set } = attrs as UpdateAttrs;
      if (this.#gradients.has(set)) throw new UsageError(`parameter set ${set.name} is updated twice in one plan`);
      this.#gradients.set(set, this.#roots(set, 'gradient'));
    }
  }

  #layout(set: ParameterSet): SlabLayout {
    const limits = this.engine.device.limits;
    const found =
      this.#layouts.get(set) ?? layOut(set, Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize));
    this.#layouts.set(set, found);
    return found;
  }

  #roots(set: ParameterSet, kind: 'gradient' | 'leaf'): Root[] {
    const name = `${kind === 'leaf' ? 'parameters' : 'gradients'}/${set.name}`;
    return this.#layout(set).slabs.map((elements, i) =>
      newRoot(`${name}#${i}`, kind, elements, kind === 'gradient' ? i : undefined),
    );
  }

  /** Gradient slabs by the set whose gradients they hold. */
  get gradients(): ReadonlyMap<ParameterSet, readonly Root[]> {
    return this.#gradients;
  }

  /** The slabs of the sets asked for so far. */
  get parameters(): ReadonlyMap<ParameterSet, readonly Root[]> {
    return this.#parameters;
  }

  /** The slabs of a set's parameters. */
  of(set: ParameterSet): readonly Root[] {
    const roots = this.#parameters.get(set) ?? this.#roots(set, 'leaf');
    this.#parameters.set(set, roots);
    return roots;
  }

  /** Where a parameter lies. */
  placeOf(set: ParameterSet, t: Tensor): { root: Root; offset: number } {
    const { slab, offset } = this.#layout(set).at.get(t) as { slab: number; offset: number };
    return { root: this.of(set)[slab] as Root, offset };
  }

  /** Where an update finds each of its gradients. */
  slots(update: Node): { gradient: Tensor; slot: GradientSlot; offset: number }[] {
    const { set } = update.attrs as UpdateAttrs;
    const { at } = this.#layout(set);
    const roots = this.#gradients.get(set) as readonly Root[];
    const gradients = update.inputs.slice(-set.tensors.length) as Tensor[];
    return set.tensors.map((parameter, i) => {
      const { slab, offset } = at.get(parameter) as { slab: number; offset: number };
      return { gradient: gradients[i] as Tensor, slot: { root: roots[slab] as Root, parameter }, offset };
    });
  }
}
