import {
  type Allocation,
  type KernelCall,
  makersOf,
  type Range,
  rangesOf,
  takesStride,
  type Value,
} from './kernel-call.js';

/** The place in a gradient slab from which an update reads the gradient of one parameter. */
export interface GradientSlot {
  readonly allocation: Allocation;
  readonly offset: number;
}

/** What a value is stored in: a range of another value, or a place in a gradient slab. */
export type Home = Pick<Range, 'whole' | 'row' | 'channel'> | GradientSlot;

/** A copy that is needed because a value cannot be stored where a view or an update needs it. */
interface PartCopy {
  /** The view or update. The copy is made just before it. */
  readonly call: KernelCall;
  readonly part: Value;
  readonly to: Home;
}

interface Link {
  readonly home: Home;
  /** The view or update that needs the value there. */
  readonly call: KernelCall;
  /** Whether the value is a slice of a whole that exists already, so that it cannot be stored anywhere else. */
  readonly reads: boolean;
}

export interface Homes {
  /** What each value is stored in. Values with an allocation of their own are absent. */
  readonly of: ReadonlyMap<Value, Home>;
  readonly copies: readonly PartCopy[];
  /** Whether the call that makes a value, and all that read it or slices of it, accept any distance between its rows. */
  isStrided(value: Value): boolean;
}

const isSlot = (home: Home): home is GradientSlot => 'allocation' in home;

/**
 * Decides which values are stored in others. The kernels that make the parts of a concatenation write into channel ranges of it, those
 * that read a slice read a channel range, and the gradient of a parameter is written straight into the optimiser's slab. Where that is
 * impossible (for a leaf, a value in two concatenations, or a kernel that would read and write one buffer), a copy is listed.
 *
 * @param slots The gradients that an update reads, and where it needs them.
 */
export function findHomes(
  calls: readonly KernelCall[],
  slots: (update: KernelCall) => readonly { readonly gradient: Value; readonly slot: GradientSlot }[],
): Homes {
  const makers = makersOf(calls);
  const uses = usesOf(calls);
  const links = new Map<Value, Link>();
  const copies: PartCopy[] = [];

  const isStrided = (value: Value): boolean => {
    const maker = makers.get(value);
    if (value.dtype !== 'f32' || !maker || !takesStride(maker.call, maker.name)) return false;
    return (uses.get(value) ?? []).every(
      ({ call, name }) =>
        takesStride(call, name) && rangesOf(call).every((r) => r.whole !== value || isStrided(r.part)),
    );
  };

  const join = (call: KernelCall, part: Value, home: Home): void => {
    const maker = makers.get(part)?.call;
    const reshaped = maker?.op.kind === 'view' && maker.op.reshapes && maker.inputs[maker.op.reshapes[0]];
    if (reshaped) {
      // What is reshaped can itself lie there, so that its maker writes into it.
      join(call, reshaped, home);
      return;
    }
    const isFree = maker?.op.kind !== 'leaf' && !links.has(part);
    const isRange = maker !== undefined && rangesOf(maker).some((r) => r.part === part);
    if (isFree && !isRange && (isSlot(home) || isStrided(part))) links.set(part, { home, call, reads: false });
    else copies.push({ call, part, to: home });
  };

  // Later concatenations come first, so that one inside another has its place before its own parts.
  for (const call of [...calls].reverse()) {
    if (call.op.kind === 'update') for (const { gradient, slot } of slots(call)) join(call, gradient, slot);
    const made = Object.values(call.outputs);
    for (const { part, ...home } of rangesOf(call)) {
      if (made.includes(part)) links.set(part, { home, call, reads: true });
      else join(call, part, home);
    }
  }
  separate(calls, links, copies);
  return { of: new Map([...links].map(([value, { home }]) => [value, home])), copies, isStrided };
}

function usesOf(calls: readonly KernelCall[]): Map<Value, { call: KernelCall; name: string }[]> {
  const uses = new Map<Value, { call: KernelCall; name: string }[]>();
  for (const call of calls)
    for (const [name, value] of Object.entries(call.inputs))
      uses.set(value, [...(uses.get(value) ?? []), { call, name }]);
  return uses;
}

/** Gives up the homes with which a kernel would read and write one buffer, or write one buffer by two variables. */
function separate(calls: readonly KernelCall[], links: Map<Value, Link>, copies: PartCopy[]): void {
  /** The outermost value, or the slab, that a value is stored in. It is the same for two values in one buffer. */
  const bufferOf = (value: Value): Value | Allocation => {
    const home = links.get(value)?.home;
    if (!home) return value;
    return isSlot(home) ? home.allocation : bufferOf(home.whole);
  };
  const giveUp = (value: Value, { call, home }: Link) => {
    links.delete(value);
    copies.push({ call, part: value, to: home });
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const call of calls) {
      if (call.op.kind) continue;
      const taken = new Set(Object.values(call.inputs).map(bufferOf));
      for (const value of Object.values(call.outputs)) {
        const link = links.get(value);
        if (link && taken.has(bufferOf(value))) {
          giveUp(value, link);
          changed = true;
        }
        const buffer = bufferOf(value);
        // A kernel may write two gradients of one slab, because each is bound by a range of its own.
        if (!('elements' in buffer)) taken.add(buffer);
      }
    }
    for (const { part, to } of copies) {
      if (bufferOf(part) !== (isSlot(to) ? to.allocation : bufferOf(to.whole))) continue;
      // This copy would read and write one buffer, so the nearest value around it that can be stored elsewhere gives up its home.
      for (let value: Value | undefined = part; value; ) {
        const link: Link | undefined = links.get(value);
        if (!link) break;
        if (!link.reads) {
          giveUp(value, link);
          changed = true;
          break;
        }
        value = isSlot(link.home) ? undefined : link.home.whole;
      }
    }
  }
}
