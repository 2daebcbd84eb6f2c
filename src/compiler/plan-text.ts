import type { Step } from './bind.js';
import { type BufferSpec, describeValue, isLaunched, isPooled, type KernelCall } from './kernel-call.js';
import type { MemoryReport } from './memory.js';

/** The calls after one pass of the compiler. */
export interface Stage {
  readonly pass: string;
  readonly calls: readonly KernelCall[];
}

/** A plan as a table: what runs, on which shapes, in which buffers. */
export function scheduleText(steps: readonly Step[], memory: MemoryReport): string {
  const numbers = new Map<BufferSpec, number>();
  const nameOf = (buffer: BufferSpec) => {
    if (!isPooled(buffer)) return buffer.label;
    const number = numbers.get(buffer) ?? numbers.size;
    numbers.set(buffer, number);
    return `pool${number}`;
  };
  const rows = steps.map(({ call, workgroups, bindings }, i) => {
    const names = (writes: boolean) => [
      ...new Set(bindings.filter((b) => b.writes === writes).map((b) => nameOf(b.buffer))),
    ];
    return [String(i), call.kernel.label, workgroups.join('×'), names(false).join(' '), names(true).join(' ')];
  });
  const { peak, weights, gradients, activations, inputs } = memory;
  const mib = (n: number) => `${(n / 2 ** 20).toFixed(2)} MiB`;
  return `${table([['#', 'kernel', 'workgroups', 'reads', 'writes'], ...rows])}
${rows.length} dispatches; peak ${mib(peak)}: weights ${mib(weights)}, gradients ${mib(gradients)}, activations ${mib(activations)}, inputs ${mib(inputs)}
`;
}

/** The calls after every pass of the compiler, one line each. */
export function explainText(stages: readonly Stage[]): string {
  return stages
    .map(
      ({ pass, calls }) => `${pass}: ${calls.length} calls\n${calls.map((call) => `  ${callText(call)}`).join('\n')}`,
    )
    .join('\n\n');
}

/** `y[1×8×8×4] = conv2d+relu(x[1×8×8×3] at input/x[1×8×8×3], …) by tiled32x32`. */
function callText(call: KernelCall): string {
  const { op, epilogue, inputs, outputs, buffers } = call;
  const lies = (name: string) => {
    const view = buffers?.[name];
    if (!view) return '';
    const { offset, stride, allocation, buffer } = view;
    return ` in ${buffer?.label ?? allocation.label} at ${offset} + ${stride} r`;
  };
  const list = (values: KernelCall['inputs']) =>
    Object.entries(values)
      .map(([name, value]) => `${name} = ${describeValue(value)}${lies(name)}`)
      .join(', ');
  const made = Object.entries(outputs).map(([name, value]) => `${describeValue(value)}${lies(name)}`);
  const title = [op.name, ...epilogue.map((step) => step.op.name)].join(' + ');
  return `${made.join(', ')}${made.length ? ' = ' : ''}${title}(${list(inputs)})${isLaunched(call) ? ` by ${call.kernel.variant.name}: ${call.kernel.reason}` : ''}`;
}

/** Left-aligned columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0)));
  return rows
    .map((r) =>
      r
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
