import {
  type Allocation,
  type KernelCall,
  makersOf,
  type Range,
  rangesOf,
  takesStride,
  type Value,
} from './kernel-call.js';

/** A place in a gradient slab, where an update reads the gradient of one parameter. */
export interface GradientSlot {
  readonly allocation: Allocation;
  readonly offset: number;
}

/** What a value lies in: a range of another value, or a place in a gradient slab. */
export type Home = Pick<Range, 'whole' | 'row' | 'channel'> | GradientSlot;

/** A copy that is needed because a value cannot lie where a view or an update wants to find it. */
interface PartCopy {
  /** The view or update: the copy is made when it is reached. */
  readonly call: KernelCall;
  readonly part: Value;
  readonly to: Home;
}

interface Link {
  readonly home: Home;
  /** The view or update that asks for it. */
  readonly call: KernelCall;
  /** A slice or detached value reads its whole, so that it can lie nowhere else. */
  readonly reads: boolean;
}

export interface Homes {
  /** What a value lies in; absent for one with an allocation of its own. */
  readonly of: ReadonlyMap<Value, Home>;
  readonly copies: readonly PartCopy[];
  /** Whether the maker and every reader of a value, through slices too, take any distance between its rows. */
  isStrided(value: Value): boolean;
}

const isSlot = (home: Home): home is GradientSlot => 'allocation' in home;

/**
 * Decides which values lie in others. The parts of a concatenation become channel ranges that their makers write into, a slice
 * becomes a channel range that its readers read from, and the gradient of a parameter is written straight into the optimiser's
 * slab. Where that is impossible (a leaf, a value in two concatenations, a kernel that would read and write one buffer) a copy is
 * listed.
 *
 * @param slots For each update, the gradients that it reads and where it wants them.
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

  // Later concatenations first, so that one inside another has its place when its parts are placed.
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

/** No kernel may read and write one buffer, nor write one by two variables: gives up the homes that would make it so. */
function separate(calls: readonly KernelCall[], links: Map<Value, Link>, copies: PartCopy[]): void {
  /** What two values in one buffer have in common. */
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
        // Two gradients of one slab may be written at once, since each is bound by a range of its own.
        if (!('elements' in buffer)) taken.add(buffer);
      }
    }
    for (const { part, to } of copies) {
      if (bufferOf(part) !== (isSlot(to) ? to.allocation : bufferOf(to.whole))) continue;
      // The copy would read and write one buffer: the nearest value on the way there that can lie elsewhere does.
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
