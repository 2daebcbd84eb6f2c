import type { Shader } from '../gpu/shader.js';
import type { TensorType } from './tensor.js';

/** An argument as a kernel sees it: element (row r, channel c) is at `offset + r * stride + c`. */
export interface Arg extends TensorType {
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly channels: number;
}

/** What is known when a kernel is chosen and launched. `V` lists the op's arguments and results by name. */
export interface Call<A = unknown, V = Readonly<Record<string, Arg>>> {
  readonly attrs: A;
  /** The arguments and results by name. An optional argument that was left out is absent. */
  readonly arg: V;
  readonly device: DeviceTraits;
}

export interface DeviceTraits {
  readonly limits: GPUSupportedLimits;
  readonly features: ReadonlySet<string>;
  /** Whether the adapter runs on the CPU, where barriers and workgroup memory are slow and registers are cheap. */
  readonly software: boolean;
  /** The lanes of a subgroup if the device has subgroups of one size only, else 0. */
  readonly subgroupSize: number;
}

/** The kernels of an op. Its `kernels.ts` exports them, and they are loaded when a graph with the op is first compiled. */
export interface Kernels<C = Call> {
  /** Every way to compute the op. */
  readonly variants: readonly Variant<C>[];
  /** The plainest variant, which can run every call. The tests and the benchmark compare the others with it. */
  readonly reference: Variant<C>;
  /** The op's rule: the variant that runs a call when nothing was timed, and the reason. The variant must be able to run it. */
  choose(call: C): KernelChoice<C>;
  /** The variants that are worth timing for a call. Without this function, they are all that can run it except the reference. */
  candidates?(call: C): readonly Variant<C>[];
  /** The WGSL of the functions that the op's `pointwise.random` calls. */
  readonly functions?: string;
}

export interface KernelChoice<C = Call> {
  readonly variant: Variant<C>;
  /** The reason in words, such as "the channels are multiples of 4", which `plan.explain()` prints. */
  readonly reason: string;
}

/** One way to compute an op. */
export interface Variant<C = Call> {
  readonly name: string;
  /** Returns the dispatches that compute the call, or says in words why this variant cannot run it. */
  launch(call: C): Launch | string;
}

/** The dispatches that together compute one call, in order, and the scratch buffers that they pass values in. */
export interface Launch {
  readonly dispatches: readonly Dispatch[];
  /** The number of 4-byte elements of each scratch buffer, by name. */
  readonly scratch?: Readonly<Record<string, number>>;
}

export interface Dispatch {
  readonly shader: Shader;
  readonly constants?: Readonly<Record<string, number>>;
  /** The values of `struct Params`, without the fields `…_offset` and `…_stride`, which the engine fills in. */
  readonly params?: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
}

/** Returns the kernels of an op that has only one kernel. */
export function onlyKernel<C>(variant: Variant<C>): Kernels<C> {
  return {
    variants: [variant],
    reference: variant,
    choose: () => ({ variant, reason: 'the op has no other kernel' }),
  };
}

/** Returns the kernels of an op that has two. `vec4` takes four channels at once, and `scalar` can run every call. */
export function vec4OrScalar<A, V extends Readonly<Record<string, Arg | undefined>>>(
  vec4: Variant<Call<A, V>>,
  scalar: Variant<Call<A, V>>,
): Kernels<Call<A, V>> {
  return {
    variants: [vec4, scalar],
    reference: scalar,
    choose: (call) => {
      const refusal = vec4.launch(call);
      return typeof refusal === 'string'
        ? { variant: scalar, reason: refusal }
        : { variant: vec4, reason: 'channels, strides and offsets are multiples of 4' };
    },
  };
}

/** The reason why kernels that access four channels at once cannot run a call. */
export const NEEDS_VEC4 = 'not all channels, strides and offsets are multiples of 4';

/** Says whether every load of four channels of these arguments is aligned to 16 bytes. */
export function vec4Ready(...args: (Arg | undefined)[]): boolean {
  return args.every((a) => !a || (a.channels % 4 === 0 && a.stride % 4 === 0 && a.offset % 4 === 0));
}

/** Returns how many workgroups of `size` invocations cover `count` invocations, in two dimensions if one is too small. */
export function grid(count: number, size: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / size));
  const max = 65535;
  if (groups <= max) return [groups, 1, 1];
  const y = Math.ceil(groups / max);
  return [Math.ceil(groups / y), y, 1];
}
