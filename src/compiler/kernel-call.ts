import type { Call, DeviceTraits, Launch, Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import type { ParameterSet } from '../autograd/parameters.js';
import { channelsOf, type Node, rowsOf, type Shape, type TensorType } from '../autograd/tensor.js';
import { UsageError } from '../gpu/errors.js';
import type { Tuning } from '../gpu/tuner.js';

/**
 * A value that calls pass on to each other. The graph's tensors are values; passes make further ones. Two values are the same only
 * if they are the same object.
 */
export interface Value extends TensorType {
  readonly name: string;
}

export type Values = Readonly<Record<string, Value>>;

/**
 * The compiler's one intermediate form: an op applied to values, and, as the passes go on, where the values lie and which kernel
 * does the work. Every pass makes new calls from those of the pass before and changes none.
 */
export interface KernelCall {
  readonly op: Op;
  /** The node of the graph that it comes from, with a fused call the first; none for a call that a pass has added. */
  readonly node?: Node;
  /** The op's attributes, such as a stride or a slope. */
  readonly attrs: unknown;
  /** Values by argument name. An optional argument that was left out is absent. */
  readonly inputs: Values;
  /** Values by result name. */
  readonly outputs: Values;
  /** Elementwise ops that the kernel applies to every element before it stores it, in order; set by `fuse`. */
  readonly epilogue: readonly EpilogueStep[];
  /** Where each argument and result lies, by name; set by `place`, and for scratch by `choose`. */
  readonly buffers?: Readonly<Record<string, View>>;
  /** How the work is done; set by `choose`. */
  readonly kernel?: Kernel;
}

/**
 * One elementwise op that a kernel applies to each element v₀ that it has computed: step k makes vₖ. A step reads values of earlier
 * steps and elements of further arguments.
 */
export interface EpilogueStep {
  readonly op: Op;
  readonly attrs: unknown;
  /** For each operand of the op: the number of an earlier value (0 is the kernel's own), or the name of an argument of the call. */
  readonly operands: readonly (number | string)[];
  /** The argument of the call that holds the state of the op's random generator, if it draws from one. */
  readonly state?: string;
  /** The result of the call that takes the step's value; absent when nothing but later steps reads the value. */
  readonly stores?: string;
}

/** A stretch of device memory that one or several values share. */
export interface Allocation {
  readonly label: string;
  /**
   * `pool`: a value; `scratch`: a temporary of one call; both may take turns in one buffer with others. `input`, `constant`:
   * a leaf's own buffer. `parameter`, `gradient`: a slab of a parameter set, or of the gradients of one.
   */
  readonly kind: 'pool' | 'scratch' | 'input' | 'constant' | 'parameter' | 'gradient';
  /** Number of 4-byte elements. */
  readonly elements: number;
  /** The set and the index of its slab, for parameters and gradients. */
  readonly slab?: { readonly set: ParameterSet; readonly index: number };
}

/** Where a value lies: element (row r, channel c) is at `offset + r · stride + c` of the allocation. */
export interface View {
  readonly allocation: Allocation;
  readonly offset: number;
  readonly stride: number;
  /** The buffer that holds the allocation; set by `allocate`. */
  readonly buffer?: BufferSpec;
}

/** A buffer of the plan, which one allocation has to itself or several take turns in. */
export interface BufferSpec {
  readonly label: string;
  readonly kind: Allocation['kind'];
  readonly elements: number;
  readonly slab?: Allocation['slab'];
}

/** The kernel that runs a call. */
interface Kernel {
  readonly variant: Variant;
  /** Why this one, in words. */
  readonly reason: string;
  /** What the kernel was asked to do: the op's own arguments, without those of the epilogue. */
  readonly call: Call;
  readonly launch: Launch;
  /** `conv2d+relu/tiled64x64[4×64×32×128]`. */
  readonly label: string;
}

/** A call after `place`. */
export type PlacedCall = KernelCall & { readonly buffers: Readonly<Record<string, View>> };
/** A call after `choose`, if a kernel does it: leaves and kept values have none. */
export type LaunchedCall = PlacedCall & { readonly kernel: Kernel };

/** What the passes know besides the calls. */
export interface Target {
  readonly device: DeviceTraits;
  /** Whether a kernel with many stores takes so long to compile that it is given only work that binds nothing more. */
  readonly slowCompiler: boolean;
  /** Whether arguments that kernels read many times are copied to rows that begin at whole vec4s. */
  readonly alignRows: boolean;
  /** Chooses a kernel by name, or gives one that the op does not list; where it returns nothing, `tuning` or else the op's rule does. */
  readonly variant?: (op: string, call: Call) => string | Variant | undefined;
  readonly tuning?: Tuning;
  /** Elements left free around every tensor and between its rows, for checks that look whether a kernel writes there. */
  readonly redzone?: number;
}

export function isLaunched(call: KernelCall): call is LaunchedCall {
  return call.kernel !== undefined;
}

/** Whether allocations of this kind take turns in shared buffers. */
export function isPooled({ kind }: Pick<Allocation, 'kind'>): boolean {
  return kind === 'pool' || kind === 'scratch';
}

/** `name[2×3×4]`. */
export function describeValue({ name, shape }: Value): string {
  return `${name}[${shape.join('×')}]`;
}

/** Which calls read each value, in order, one entry per argument. */
export function readersOf(calls: readonly KernelCall[]): ReadonlyMap<Value, readonly KernelCall[]> {
  const readers = new Map<Value, KernelCall[]>();
  for (const call of calls)
    for (const value of Object.values(call.inputs)) {
      const list = readers.get(value);
      if (list) list.push(call);
      else readers.set(value, [call]);
    }
  return readers;
}

/** The call that makes each value, and under which name. */
export function makersOf(
  calls: readonly KernelCall[],
): ReadonlyMap<Value, { readonly call: KernelCall; readonly name: string }> {
  const makers = new Map<Value, { call: KernelCall; name: string }>();
  for (const call of calls) for (const [name, value] of Object.entries(call.outputs)) makers.set(value, { call, name });
  return makers;
}

/** A value that is a range of rows and channels of another one. */
export interface Range {
  readonly part: Value;
  readonly whole: Value;
  /** First row and first channel of the part in the whole. */
  readonly row: number;
  readonly channel: number;
}

/** The ranges that a view states; none for a call that is no view. */
export function rangesOf({ op, inputs, outputs, attrs }: KernelCall): readonly Range[] {
  const value = (name: string) => {
    const found = inputs[name] ?? outputs[name];
    if (!found) throw new Error(`${op.name} has no value ${name}`);
    return found;
  };
  return (op.view?.(inputs, outputs, attrs) ?? []).map(({ part, whole, row = 0, channel = 0 }) => ({
    ...{ part: value(part), whole: value(whole), row, channel },
  }));
}

/** Whether the kernels of a call take any distance between the rows of an argument or result. */
export function takesStride({ op, epilogue }: KernelCall, name: string): boolean {
  if (op.kind === 'view' || op.kind === 'keep' || (op.args[name] ?? op.results[name])?.strided) return true;
  // What an epilogue adds does; the op's own result that it stores to does not for that.
  return epilogue.some(({ stores, operands }) => operands.includes(name) || (stores === name && name !== op.epilogue));
}

/** Whether an argument is a vector that elementwise work takes for every row of its result. */
export function isRepeated(
  { op, outputs, epilogue }: Pick<KernelCall, 'op' | 'outputs' | 'epilogue'>,
  name: string,
  value: Value,
): boolean {
  if (rowsOf(value.shape) > 1) return false;
  const isOperand = op.pointwise?.operands.includes(name) || epilogue.some(({ operands }) => operands.includes(name));
  return isOperand === true && Object.values(outputs).some(({ shape }) => rowsOf(shape) > 1);
}

/** The view of a value whose rows lie one behind the other. */
export function denseView(allocation: Allocation, value: Value, offset = 0): View {
  return { allocation, offset, stride: channelsOf(value.shape) };
}

/** The elements of an allocation from the first to the last of a view. */
export function extentOf({ stride }: View, { shape }: TensorType): number {
  return (rowsOf(shape) - 1) * stride + channelsOf(shape);
}

/** A readable label: `conv2d/tile[4×64×32×128]`, `conv2d+relu/tile[4×64×32×128]`. */
export function label(op: string, variant: string, shape: Shape | undefined): string {
  return `${op}/${variant}${shape ? `[${shape.join('×')}]` : ''}`;
}

/** Why a variant cannot run a call; nothing when it can. */
export function refusalOf<C>(variant: Variant<C>, call: C): string | undefined {
  const launch = variant.launch(call);
  return typeof launch === 'string' ? launch : undefined;
}

/** The dispatches of a variant that can run a call. Throws `UsageError` with the reason where it cannot. */
export function launchOf<C>(variant: Variant<C>, call: C): Launch {
  const launch = variant.launch(call);
  if (typeof launch === 'string') throw new UsageError(`${variant.name} cannot run here: ${launch}`);
  return launch;
}
