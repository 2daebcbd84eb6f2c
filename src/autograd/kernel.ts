import type { Shader } from '../gpu/shader.js';
import type { TensorType } from './tensor.js';

/** An argument as a kernel sees it: element (row r, channel c) is at `offset + r * stride + c`. */
export interface Arg extends TensorType {
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly channels: number;
}

/** What is known when a kernel is chosen and launched: `V` says which arguments and results the op has. */
export interface Call<A = unknown, V = Readonly<Record<string, Arg>>> {
  readonly attrs: A;
  /** Arguments and results by name; a left-out argument is absent. */
  readonly arg: V;
  readonly device: DeviceTraits;
}

export interface DeviceTraits {
  readonly limits: GPUSupportedLimits;
  readonly features: ReadonlySet<string>;
  /** Runs on the CPU: barriers and workgroup memory are dear, registers cheap. */
  readonly software: boolean;
  /** Lanes of a subgroup, where the device has the feature and only one size; 0 otherwise. */
  readonly subgroupSize: number;
}

/** The kernels of an op. An op's `kernels.ts` exports them; they are loaded when a graph with the op is first compiled. */
export interface Kernels<C = Call> {
  /** All ways to compute the op. */
  readonly variants: readonly Variant<C>[];
  /** The plainest of them, which runs every call. Tests and benchmark compare the others with it. */
  readonly reference: Variant<C>;
  /** The rule: which variant runs a call when nothing was timed, and why. The variant must be able to run it. */
  choose(call: C): KernelChoice<C>;
  /** The variants that are worth timing for a call; all that can run it but the reference, when absent. */
  candidates?(call: C): readonly Variant<C>[];
  /** WGSL of the functions that the op's `pointwise.random` calls. */
  readonly functions?: string;
}

export interface KernelChoice<C = Call> {
  readonly variant: Variant<C>;
  /** In words, for `plan.explain()`: "the channels are multiples of 4". */
  readonly reason: string;
}

/** One way to compute an op. */
export interface Variant<C = Call> {
  readonly name: string;
  /** The dispatches that compute the call, or in words why this variant cannot run it. */
  launch(call: C): Launch | string;
}

/** Dispatches that together compute one node, in order, with scratch buffers that live only between them. */
export interface Launch {
  readonly dispatches: readonly Dispatch[];
  /** Scratch buffers by name: number of 4-byte elements. */
  readonly scratch?: Readonly<Record<string, number>>;
}

export interface Dispatch {
  readonly shader: Shader;
  readonly constants?: Readonly<Record<string, number>>;
  /** Values for `struct Params` besides the `…_offset` and `…_stride` that the engine fills in. */
  readonly params?: Readonly<Record<string, number>>;
  readonly workgroups: readonly [number, number, number];
}

/** The kernels of an op that has only one. */
export function onlyKernel<C>(variant: Variant<C>): Kernels<C> {
  return {
    variants: [variant],
    reference: variant,
    choose: () => ({ variant, reason: 'the op has no other kernel' }),
  };
}

/** The kernels of an op that has two: one by groups of four channels, and one that runs every call. */
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

/** Why kernels that access four channels at once cannot run a call. */
export const NEEDS_VEC4 = 'channels, strides and offsets must be multiples of 4';

/** Whether vec4 loads along the channels of these arguments stay aligned. */
export function vec4Ready(...args: (Arg | undefined)[]): boolean {
  return args.every((a) => !a || (a.channels % 4 === 0 && a.stride % 4 === 0 && a.offset % 4 === 0));
}

/** Workgroups for `count` invocations of `size` each, folded into two dimensions where one is not enough. */
export function grid(count: number, size: number): [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / size));
  const max = 65535;
  if (groups <= max) return [groups, 1, 1];
  const y = Math.ceil(groups / max);
  return [Math.ceil(groups / y), y, 1];
}
