import { leaf } from '../autograd/leaves.js';
import { isOf } from '../autograd/op.js';
import { type BufferSpec, describeValue, isPooled, type KernelCall, type Value, type View } from './kernel-call.js';
import type { MemoryReport } from './memory.js';
import type { Step } from './realize.js';

/** The calls after one pass of the compiler. */
export interface Stage {
  readonly pass: Pass;
  readonly calls: readonly KernelCall[];
}

/** Returns a plan as a table of what runs, on which shapes and in which buffers. */
export function scheduleText(steps: readonly Step[], memory: MemoryReport): string {
  // `pool#3(conv2d[1×8×8×4])` without the value for which the buffer was made, since others take turns in it.
  const nameOf = (buffer: BufferSpec) => (isPooled(buffer) ? buffer.label.replace(/\(.*/, '') : buffer.label);
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

/** What each pass does, and which details of the calls it has made or changed. `explainText` shows those. */
const PASSES = {
  lower: { does: 'the nodes of the graph become calls', shows: ['values'] },
  distribute: { does: 'elementwise ops over concatenations move to the parts', shows: ['values'] },
  absorb: { does: 'updates multiply their gradients themselves', shows: ['values'] },
  hoist: { does: 'elementwise ops over reshapes move before them', shows: ['values'] },
  prepare: { does: 'work on vectors that needs only leaves goes first', shows: ['values'] },
  fuse: { does: 'elementwise ops join the kernels that make their operands', shows: ['values'] },
  place: { does: 'every value gets its place, and views vanish', shows: ['values', 'places'] },
  choose: { does: 'every call gets its kernel', shows: ['values', 'kernels'] },
  extend: { does: 'fused ops are written into the kernels', shows: ['epilogues'] },
  allocate: { does: 'values take turns in buffers', shows: ['values', 'places'] },
} as const satisfies Readonly<Record<string, { readonly does: string; readonly shows: readonly Detail[] }>>;

/** The name of a pass. Every pass has a row above, or `compile.ts` does not compile. */
export type Pass = keyof typeof PASSES;

type Detail = 'values' | 'places' | 'kernels' | 'epilogues';

/**
 * Returns what every pass of the compiler has made of a graph, as one line per call with what the pass has added to it. Lines
 * that a pass has added or changed begin with `*` if it is one of those that rewrite the graph.
 */
export function explainText(stages: readonly Stage[]): string {
  const nameOf = distinctNames(stages);
  let before = '';
  let graph: ReadonlySet<string> | undefined;
  return stages
    .map(({ pass, calls }) => {
      const { does, shows } = PASSES[pass];
      const lines = calls.map((call) => `  ${callText(call, shows, nameOf)}`).filter((line) => line.trim());
      const text = lines.join('\n');
      const same = text === before || !lines.length;
      before = text;
      if (same) return `${pass}: ${does}\n  nothing to do`;
      // `place` and `choose` add details to every line, so all of theirs are new.
      const rewrites = shows.length === 1 && shows[0] === 'values';
      const rewritten = rewrites ? graph : undefined;
      const marked = lines.map((line) => (rewritten && !rewritten.has(line) ? `*${line.slice(1)}` : line));
      if (rewrites) graph = new Set(lines);
      return `${pass}: ${does}${rewritten ? ' (* marks new or changed lines)' : ''}\n${marked.join('\n')}`;
    })
    .join('\n\n');
}

/** Returns names such as `conv2d[1×8×8×4]`, and `conv2d.2[1×8×8×4]` for a second value of that name. */
function distinctNames(stages: readonly Stage[]): (value: Value) => string {
  const names = new Map<Value, string>();
  const counts = new Map<string, number>();
  const values = stages.flatMap(({ calls }) => calls.flatMap((c) => Object.values({ ...c.inputs, ...c.outputs })));
  for (const value of values) {
    if (names.has(value)) continue;
    const count = (counts.get(value.name) ?? 0) + 1;
    counts.set(value.name, count);
    names.set(value, describeValue(count === 1 ? value : { ...value, name: `${value.name}.${count}` }));
  }
  return (value) => names.get(value) ?? describeValue(value);
}

/** Returns text such as `y[1×8×8×4] = conv2d + relu(x = x[1×8×8×3], w = w[3×3×3×4])`, with the details to show. */
function callText(call: KernelCall, shows: readonly Detail[], nameOf: (value: Value) => string): string {
  const { op, epilogue, inputs, outputs, kernel } = call;
  const own = isOf(leaf, call) ? call.attrs.source : op.name;
  const title = [own, ...epilogue.map((step) => step.op.name)].join(' + ');
  if (!shows.includes('values')) return epilogue.length ? `${title}: ${epilogueText(call)}` : '';
  const place = (name: string) => (shows.includes('places') ? placeText(call.buffers?.[name]) : '');
  const read = Object.entries(inputs).map(([name, value]) => `${name} = ${nameOf(value)}${place(name)}`);
  const made = Object.entries(outputs).map(([name, value]) => `${nameOf(value)}${place(name)}`);
  const by = kernel && shows.includes('kernels') ? ` by ${kernel.variant.name}: ${kernel.reason}` : '';
  const list = op.kind === 'leaf' ? '' : `(${read.join(', ')})`;
  return `${made.join(', ')}${made.length ? ' = ' : ''}${title}${list}${by}`;
}

/**
 * Returns text such as ` in pool#1(conv2d[1×8×8×4]) at 4, stride 8`, where the element in row r and channel c is at
 * 4 + 8 r + c.
 */
function placeText(view: View | undefined): string {
  if (!view) return '';
  const { offset, stride, allocation, buffer } = view;
  return ` in ${buffer?.label ?? allocation.label} at ${offset}, stride ${stride}`;
}

/**
 * Returns text such as `v1 = add(v0, fused1_b), v2 = relu(v1); y is v2`, where v0 is what the kernel itself has
 * computed.
 */
function epilogueText({ op, epilogue }: KernelCall): string {
  const steps = epilogue.map(({ op: { name }, operands }, i) => {
    const list = operands.map((x) => (typeof x === 'number' ? `v${x}` : x));
    return `v${i + 1} = ${name}(${list.join(', ')})`;
  });
  const stores = epilogue.flatMap(({ stores: variable }, i) => (variable ? [`${variable} is v${i + 1}`] : []));
  const own = op.epilogue !== undefined && epilogue.every((step) => step.stores !== op.epilogue);
  return `${steps.join(', ')}; ${[...(own ? [`${op.epilogue} is v0`] : []), ...stores].join(', ')}`;
}

/** Formats rows as left-aligned columns. */
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
