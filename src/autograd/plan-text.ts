import type { MemoryReport } from './memory.js';
import { isPooled, type Root } from './placement.js';
import type { Step } from './step.js';

/** A schedule as a table: what runs, on which shapes, in which buffers. */
export function scheduleText(steps: readonly Step[], memory: MemoryReport): string {
  const buffers = new Map<GPUBuffer, string>();
  const nameOf = (root: Root) => {
    const buffer = root.buffer as GPUBuffer;
    if (!isPooled(root)) return root.label;
    if (!buffers.has(buffer)) buffers.set(buffer, `pool${buffers.size}`);
    return buffers.get(buffer) as string;
  };
  const rows = steps.map((s, i) => [
    String(i),
    s.label,
    s.workgroups.join('×'),
    [...new Set(s.bindings.filter((b) => !b.writes).map((b) => nameOf(b.root)))].join(' '),
    [...new Set(s.bindings.filter((b) => b.writes).map((b) => nameOf(b.root)))].join(' '),
  ]);
  const { peak, weights, gradients, activations, inputs } = memory;
  const mib = (n: number) => `${(n / 2 ** 20).toFixed(2)} MiB`;
  return `${table([['#', 'kernel', 'workgroups', 'reads', 'writes'], ...rows])}
${rows.length} dispatches; peak ${mib(peak)}: weights ${mib(weights)}, gradients ${mib(gradients)}, activations ${mib(activations)}, inputs ${mib(inputs)}
`;
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
