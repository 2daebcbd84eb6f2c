import type { Call, DeviceTraits, Launch, Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import type { ParameterSet } from '../autograd/parameters.js';
import { channelsOf, type Node, rowsOf, type Shape, type TensorType } from '../autograd/tensor.js';
import { UsageError } from '../gpu/errors.js';
import { align } from '../gpu/parameter-storage.js';
import type { Tuning } from '../gpu/tuner.js';

/**
 * A value that one call makes and others read. The tensors of the graph are values, and passes make further ones. Two values are the
 * same only if they are the same object.
 */
export interface Value extends TensorType {
  readonly name: string;
}

export type Values = Readonly<Record<string, Value>>;

/**
 * The compiler's one intermediate form: an op applied to values. Later passes add where the values are stored and which kernel does the
 * work. Every pass makes new calls from those of the pass before it, and changes none.
 */
export interface KernelCall {
  readonly op: Op;
  /** The node of the graph that the call comes from: of a fused call, the first. A call that a pass has added has none. */
  readonly node?: Node;
  /** The op's attributes, such as a stride or a slope. */
  readonly attrs: unknown;
  /** The values by argument name. An optional argument that was left out is absent. */
  readonly inputs: Values;
  /** The values by result name. */
  readonly outputs: Values;
  /** The elementwise ops that the kernel applies to every element before it stores it, in order. `fuse` sets it. */
  readonly epilogue: readonly EpilogueStep[];
  /** Where each argument and result is stored, by name. `place` sets it, and `choose` adds the kernel's scratch. */
  readonly buffers?: Readonly<Record<string, View>>;
  /** The kernel that does the work. `choose` sets it. */
  readonly kernel?: Kernel;
}

/**
 * One elementwise op that a kernel applies to each element v₀ that it has computed. Step k makes vₖ from values of earlier steps and
 * from elements of further arguments.
 */
export interface EpilogueStep {
  readonly op: Op;
  readonly attrs: unknown;
  /** Each operand of the op, as the number of an earlier value (0 is the kernel's own) or the name of an argument of the call. */
  readonly operands: readonly (number | string)[];
  /** The argument of the call that holds the state of the op's random generator, if it draws from one. */
  readonly state?: string;
  /** The result of the call that stores the step's value. Absent if only later steps read the value. */
  readonly stores?: string;
}

/** A part of device memory in which one or several values are stored. */
export interface Allocation {
  readonly label: string;
  /**
   * What it is for. `pool` is a value and `scratch` a temporary of one call; allocations of these kinds may share buffers. `input` and
   * `constant` are the buffers of leaves. `parameter` and `gradient` are slabs of a parameter set, or of its gradients.
   */
  readonly kind: 'pool' | 'scratch' | 'input' | 'constant' | 'parameter' | 'gradient';
  /** The number of 4-byte elements. */
  readonly elements: number;
  /** How many of the elements at its end a check leaves free. Default: 0. */
  readonly tail?: number;
  /** For parameters and gradients, the set and the index of its slab. */
  readonly slab?: { readonly set: ParameterSet; readonly index: number };
}

/** The numbers of elements of an allocation of its own for `size` elements. With redzones, a part at its end is left free. */
export function sized(size: number, { redzone }: Target): Pick<Allocation, 'elements' | 'tail'> {
  if (redzone === undefined) return { elements: align(size) };
  const elements = align(size) + align(1);
  return { elements, tail: elements - size };
}

/** Where a value is stored: element (row r, channel c) is at `offset + r · stride + c` of the allocation. */
export interface View {
  readonly allocation: Allocation;
  readonly offset: number;
  readonly stride: number;
  /** The buffer that holds the allocation. `allocate` sets it. */
  readonly buffer?: BufferSpec;
}

/** A buffer of the plan. It holds one allocation, or several one after the other. */
export interface BufferSpec {
  readonly label: string;
  readonly kind: Allocation['kind'];
  readonly elements: number;
  readonly tail?: number;
  readonly slab?: Allocation['slab'];
}

/** The kernel that runs a call. */
interface Kernel {
  readonly variant: Variant;
  /** The reason for this choice, in words. */
  readonly reason: string;
  /** The call that the kernel was chosen for: it has the op's own arguments, without those of the epilogue. */
  readonly call: Call;
  readonly launch: Launch;
  /** The ops, the variant and the shape of the result: `conv2d+relu/tiled64x64[4×64×32×128]`. */
  readonly label: string;
}

/** A call after `place`. */
export type PlacedCall = KernelCall & { readonly buffers: Readonly<Record<string, View>> };
/** A call after `choose` that has a kernel. Leaves and the call that reads kept values have none. */
export type LaunchedCall = PlacedCall & { readonly kernel: Kernel };

/** What the passes need to know besides the calls. */
export interface Target {
  readonly device: DeviceTraits;
  /** Whether kernels with many stores compile so slowly that they take over only work that needs no further binding. */
  readonly slowCompiler: boolean;
  /** Whether `aligned` arguments are copied to rows that are aligned to 16 bytes. */
  readonly alignRows: boolean;
  /** Returns the name of a kernel, or a kernel that the op does not list. If it returns nothing, `tuning` or the op's rule chooses. */
  readonly variant?: (op: string, call: Call) => string | Variant | undefined;
  readonly tuning?: Tuning;
  /**
   * The number of elements left free around every tensor and between its rows, so that checks find reads and writes out of
   * bounds. If it is given, even as 0, some elements are also left free at the end of every allocation.
   */
  readonly redzone?: number;
}

export function isLaunched(call: KernelCall): call is LaunchedCall {
  return call.kernel !== undefined;
}

/** Whether allocations of this kind may share buffers. */
export function isPooled({ kind }: Pick<Allocation, 'kind'>): boolean {
  return kind === 'pool' || kind === 'scratch';
}

/** The name and the shape of a value: `x[2×3×4]`. */
export function describeValue({ name, shape }: Value): string {
  return `${name}[${shape.join('×')}]`;
}

/** The calls that read each value, in order. A call that reads it by two arguments occurs twice. */
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

/** The call that makes each value, and the name of its result. */
export function makersOf(
  calls: readonly KernelCall[],
): ReadonlyMap<Value, { readonly call: KernelCall; readonly name: string }> {
  const makers = new Map<Value, { call: KernelCall; name: string }>();
  for (const call of calls) for (const [name, value] of Object.entries(call.outputs)) makers.set(value, { call, name });
  return makers;
}

/** A value that is a range of rows and channels of another value. */
export interface Range {
  readonly part: Value;
  readonly whole: Value;
  /** The first row and the first channel of the part in the whole. */
  readonly row: number;
  readonly channel: number;
}

/** The ranges that a view states. A call of another op has none. */
export function rangesOf({ op, inputs, outputs, attrs }: KernelCall): readonly Range[] {
  const value = (name: string) => {
    const found = inputs[name] ?? outputs[name];
    if (!found) throw new UsageError(`${op.name}: its view names ${name}, which is neither an argument nor a result`);
    return found;
  };
  return (op.view?.(inputs, outputs, attrs) ?? []).map(({ part, whole, row = 0, channel = 0 }) => ({
    ...{ part: value(part), whole: value(whole), row, channel },
  }));
}

/** Whether the kernels of a call accept any distance between the rows of an argument or result. */
export function takesStride({ op, epilogue }: KernelCall, name: string): boolean {
  if (op.kind === 'view' || op.kind === 'keep' || (op.args[name] ?? op.results[name])?.strided) return true;
  // The code of an epilogue accepts any stride. The op's own result keeps its own rule, although an epilogue stores to it.
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

/** The view of a value that has no gaps between its rows. */
export function denseView(allocation: Allocation, value: Value, offset = 0): View {
  return { allocation, offset, stride: channelsOf(value.shape) };
}

/** The number of elements from the first to the last of a view, gaps included. */
export function extentOf({ stride }: View, { shape }: TensorType): number {
  return (rowsOf(shape) - 1) * stride + channelsOf(shape);
}

/** A readable label: `conv2d/tile[4×64×32×128]`, `conv2d+relu/tile[4×64×32×128]`. */
export function label(op: string, variant: string, shape: Shape | undefined): string {
  return `${op}/${variant}${shape ? `[${shape.join('×')}]` : ''}`;
}

/** Returns why a variant cannot run a call, or nothing if it can. */
export function refusalOf<C>(variant: Variant<C>, call: C): string | undefined {
  const launch = variant.launch(call);
  return typeof launch === 'string' ? launch : undefined;
}

/** Returns the dispatches of a variant for a call. Throws `UsageError` with the reason if it cannot run the call. */
export function launchOf<C>(variant: Variant<C>, call: C): Launch {
  const launch = variant.launch(call);
  if (typeof launch === 'string') throw new UsageError(`${variant.name} cannot run here: ${launch}`);
  return launch;
}
