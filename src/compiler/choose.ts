import type { Arg, Call } from '../autograd/kernel.js';
import { channelsOf, rowsOf } from '../autograd/tensor.js';
import { ALIGN } from '../gpu/parameter-storage.js';
import { present } from '../present.js';
import {
  isPooled,
  isRepeated,
  type KernelCall,
  type LaunchedCall,
  label,
  type PlacedCall,
  sized,
  type Target,
  type Value,
  type View,
} from './kernel-call.js';
import { chooseVariant } from './variants.js';

/** Chooses the kernel of every call that computes something, and allocates the kernel's scratch memory. */
export function choose(calls: readonly PlacedCall[], target: Target): readonly PlacedCall[] {
  return calls.map((call) => (call.op.kind === 'leaf' || call.op.kind === 'keep' ? call : launched(call, target)));
}

function launched(call: PlacedCall, target: Target): LaunchedCall {
  const { op, epilogue, outputs, inputs } = call;
  const all: Call = { attrs: call.attrs, arg: kernelArguments(call), device: target.device };
  const own = epilogue.length ? withoutEpilogue(call, all) : all;
  const { variant, launch, reason } = chooseVariant(op, own, target.variant?.(op.name, own), target.tuning);
  const title = [op.name, ...epilogue.map((step) => step.op.name)].join('+');
  const name = label(title, variant.name, (Object.values(outputs)[0] ?? inputs.weights)?.shape);
  const scratch = Object.entries(launch.scratch ?? {}).map(([variable, elements]): [string, View] => {
    const allocation = { label: `${name} scratch ${variable}`, kind: 'scratch', ...sized(elements, target) } as const;
    return [variable, { allocation, offset: 0, stride: elements }];
  });
  return {
    ...call,
    buffers: { ...call.buffers, ...Object.fromEntries(scratch) },
    kernel: { variant, reason, call: own, launch, label: name },
  };
}

/** All arguments and results of a call, as its kernel sees them. */
export function kernelArguments(call: PlacedCall): Readonly<Record<string, Arg>> {
  return Object.fromEntries(
    Object.entries({ ...call.inputs, ...call.outputs }).map(([name, value]) => {
      const argument = argumentOf(value, present(call.buffers[name]));
      return [name, isRepeated(call, name, value) ? { ...argument, stride: 0 } : argument];
    }),
  );
}

function argumentOf(value: Value, view: View): Arg {
  const { shape, dtype } = value;
  const offset = bindsRange(value, view) ? 0 : view.offset;
  return { shape, dtype, offset, stride: view.stride, rows: rowsOf(shape), channels: channelsOf(shape) };
}

/**
 * Whether a value is bound by its own byte range, so that its kernel sees offset 0. Values in slabs are bound in this way, because one
 * dispatch may write two parameters of one slab, which WebGPU allows only for ranges that do not overlap.
 */
export function bindsRange({ shape }: Value, { allocation, offset, stride }: View): boolean {
  const isDense = (stride === channelsOf(shape) || rowsOf(shape) === 1) && offset % ALIGN === 0;
  return isDense && (!isPooled(allocation) || offset > 0);
}

/** The call without the arguments and results of its epilogue, which the op's own kernels do not know. */
function withoutEpilogue({ op, epilogue }: KernelCall, call: Call): Call {
  const added = new Set(epilogue.flatMap((step) => [...step.operands, step.state, step.stores]));
  added.delete(op.epilogue);
  return { ...call, arg: Object.fromEntries(Object.entries(call.arg).filter(([name]) => !added.has(name))) };
}
