import { type Call, type DeviceTraits, launchOf, refusalOf, type Variant } from '../autograd/kernel.js';
import type { Op, ValueSpec } from '../autograd/op.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { type Shader, type ShaderParam, TEXELS } from '../gpu/shader.js';
import type { Room } from '../kernels/room.js';
import { terms } from '../kernels/rooms.js';
import { caseNodes, type KnownOp, knownOp, plainCall, reference, traitsOf, variantsOf } from './ops.js';
import { caseName } from './user-check.js';
import { namedVariant, namesOf } from './user-kernel.js';

/** What a kernel for an op is bound to, and what it is launched with. All of it is read from the op itself. */
export interface Contract {
  readonly op: string;
  /** The comment at the head of the plainest kernel. */
  readonly formula: string;
  readonly tensors: readonly ContractTensor[];
  /** The case that the sample values come from. */
  readonly sample: string;
  /** Names that the op's launch gives to every kernel. */
  readonly names: readonly ContractName[];
  /** Names that only kernels launched like one of our variants get, scratch buffers among them. */
  readonly others: readonly (ContractName & { readonly variants: readonly string[] })[];
  /** Everything that an expression may use, on the sample case. */
  readonly expressions: Readonly<Record<string, number>>;
  readonly variants: readonly ContractVariant[];
  readonly device: ContractDevice;
  /** A complete kernel: our plainest. */
  readonly example: string;
}

interface ContractTensor {
  readonly name: string;
  readonly kind: 'argument' | 'optional argument' | 'result';
  readonly dtype: string;
  /** Dimensions, the last contiguous. */
  readonly layout: string;
  readonly shape: readonly number[];
  /** Whether it may be a channel range of something wider. */
  readonly strided: boolean;
}

export interface ContractName {
  readonly name: string;
  readonly kind: 'param' | 'override' | 'scratch';
  readonly type?: ShaderParam['type'];
  /** On the sample case. */
  readonly value?: number;
  readonly meaning: string;
}

interface ContractVariant {
  readonly name: string;
  /** Labels of its kernels, in the order of their dispatches on the sample case. */
  readonly kernels: readonly string[];
  readonly workgroups: readonly (readonly [number, number, number])[];
  /** Why it does not run on the sample case. */
  readonly rejects?: string;
}

interface ContractDevice {
  readonly adapter: string;
  readonly features: readonly string[];
  readonly subgroupSize: number;
  readonly limits: Readonly<Record<string, number>>;
  /** Width in texels of an argument bound as a texture. */
  readonly texels: number;
}

const LIMITS = [
  'maxStorageBuffersPerShaderStage',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** The call that shows most: with every optional argument and as many fitting variants as there is. */
function sampleCall({ op, uses }: KnownOp, device: DeviceTraits): { call: Call; name: string } {
  let best: { call: Call; name: string; score: number } | undefined;
  for (const use of uses.slice(0, 32)) {
    const node = caseNodes(use.room, use.c).all.find((n) => n.op === op);
    if (!node) continue;
    const call = plainCall(node, device);
    const fitting = variantsOf(op, device).filter((v) => refusalOf(v, call) === undefined).length;
    const score = 100 * Object.keys(call.arg).length + fitting;
    if (!best || score > best.score) best = { call, name: caseName(use), score };
  }
  if (!best) throw new UsageError(`no case applies ${op.name}`);
  return best;
}

/** Every call of an op in the cases that apply it. */
function* callsOf({ op, uses }: KnownOp, device: DeviceTraits): Generator<Call> {
  for (const use of uses)
    for (const node of caseNodes(use.room, use.c).all) if (node.op === op) yield plainCall(node, device);
}

/** What one variant's launches give by name, over all calls that it fits. */
function gives(variant: Variant, calls: readonly Call[]): Map<string, Omit<ContractName, 'meaning'>> {
  const found = new Map<string, Omit<ContractName, 'meaning'>>();
  for (const call of calls) {
    const launch = variant.launch(call);
    if (typeof launch === 'string') continue;
    const { dispatches, scratch = {} } = launch;
    const types = new Map(dispatches.flatMap((d) => d.shader.params).map((p) => [p.name, p.type]));
    for (const d of dispatches) {
      for (const name of [...Object.keys(d.params ?? {}), ...d.shader.params.map((p) => p.name)])
        if (!placed(name)) found.set(name, { name, kind: 'param', type: types.get(name) });
      for (const { name } of d.shader.overrides) found.set(name, { name, kind: 'override' });
    }
    for (const name of Object.keys(scratch)) found.set(name, { name, kind: 'scratch' });
  }
  return found;
}

/** Whether a name says where a tensor lies, which holds for all tensors alike. */
const placed = (name: string) => /_(offset|stride)$/.test(name);

/** How to get a shader's source as it was written, where the build has taken comments and indentation out of it. */
export type Written = (code: string) => string;

/** The contract of an op. Throws `UsageError` that lists the ops when there is none of this name. */
export function contractOf(
  engine: Engine,
  rooms: readonly Room[],
  name: string,
  written: Written = (code) => code,
): Contract {
  const known = knownOp(rooms, name);
  const { op } = known;
  const device = traitsOf(engine);
  const { call, name: sample } = sampleCall(known, device);
  const calls = [...callsOf(known, device)];
  const source = written((shadersOf(reference(op), call)[0] as Shader).code);
  const expressions = namesOf(op, call);
  const say = (n: Omit<ContractName, 'meaning'>): ContractName => ({
    ...n,
    value: expressions[n.name],
    meaning: meaningOf(op, n.name) ?? '',
  });
  const own = new Map([...gives(reference(op), calls)].filter(([, n]) => n.kind !== 'scratch'));
  const others = new Map<string, ContractName & { variants: string[] }>();
  for (const variant of variantsOf(op, device))
    for (const [n, what] of gives(variant, calls)) {
      if (own.has(n)) continue;
      const entry = others.get(n) ?? { ...say(what), variants: [] };
      entry.variants.push(variant.name);
      others.set(n, entry);
    }
  return {
    op: op.name,
    formula: header(source),
    tensors: tensorsOf(op, call),
    sample,
    names: [...own.values()].map(say),
    others: [...others.values()],
    expressions,
    variants: variantsOf(op, device).map((v) => describe(v, call)),
    device: {
      adapter: engine.adapterName,
      features: [...engine.device.features].sort(),
      subgroupSize: engine.subgroupSize,
      limits: Object.fromEntries(LIMITS.map((l) => [l, engine.device.limits[l]])),
      texels: TEXELS,
    },
    example: source,
  };
}

/** What the room says that a name of the op's launches means. */
export function meaningOf(op: Op, name: string): string | undefined {
  return terms.get(op.name)?.names[name];
}

function tensorsOf(op: Op, call: Call): ContractTensor[] {
  const layout = terms.get(op.name)?.layout ?? {};
  const tensor = (name: string, { strided = false, optional = false }: ValueSpec): ContractTensor => {
    const a = call.arg[name];
    const kind = name in op.results ? 'result' : optional ? 'optional argument' : 'argument';
    return { name, kind, dtype: a?.dtype ?? 'f32', layout: layout[name] ?? '', shape: a?.shape ?? [], strided };
  };
  return Object.entries({ ...op.args, ...op.results }).map(([name, spec]) => tensor(name, spec));
}

function describe(variant: Variant, call: Call): ContractVariant {
  const launch = variant.launch(call);
  const [rejects, dispatches] = typeof launch === 'string' ? [launch, []] : [undefined, launch.dispatches];
  return {
    name: variant.name,
    kernels: dispatches.map((d) => d.shader.label),
    workgroups: dispatches.map((d) => d.workgroups),
    rejects,
  };
}

/** The kernels of a variant, each once. */
function shadersOf(variant: Variant, call: Call): Shader[] {
  const all = launchOf(variant, call).dispatches.map((d) => d.shader);
  return all.filter((s, i) => all.findIndex((other) => other.label === s.label) === i);
}

/**
 * The sources of one of our variants in the order of its dispatches, each once: of `like`, the plainest when absent.
 * Throws `UsageError` when it runs in no case on this adapter.
 */
export function exampleSources(
  engine: Engine,
  rooms: readonly Room[],
  name: string,
  { like, written = (code) => code }: { like?: string; written?: Written } = {},
): { readonly label: string; readonly code: string }[] {
  const known = knownOp(rooms, name);
  const variant = like === undefined ? reference(known.op) : namedVariant(known.op, like, engine);
  const device = traitsOf(engine);
  const calls = [sampleCall(known, device).call, ...callsOf(known, device)];
  const call = calls.find((c) => refusalOf(variant, c) === undefined);
  if (!call)
    throw new UsageError(
      `${name}/${variant.name} runs in no case on this adapter (${refusalOf(variant, calls[0] as Call)}); ` +
        `its source is in shaders/`,
    );
  return shadersOf(variant, call).map(({ label, code }) => ({ label, code: `${written(code).trimEnd()}\n` }));
}

/**
 * One of `exampleSources`; `part` counts them from 1. Throws `UsageError` when there are several and `part` does not say
 * which.
 */
export function exampleSource(
  engine: Engine,
  rooms: readonly Room[],
  name: string,
  { part, ...options }: { like?: string; part?: number; written?: Written } = {},
): string {
  const sources = exampleSources(engine, rooms, name, options);
  const variant = `${name}/${options.like ?? reference(knownOp(rooms, name).op).name}`;
  if (sources.length > 1 && part === undefined)
    throw new UsageError(
      `${variant} has ${sources.length} kernels (${sources.map((s) => s.label).join(', ')}); ` +
        'choose one with --part 1, --part 2, …',
    );
  const chosen = sources[(part ?? 1) - 1];
  if (!chosen) throw new UsageError(`--part: ${variant} has ${sources.length} kernels, got ${part}`);
  return chosen.code;
}

/** The comment at the head of a source, without the slashes. */
function header(code: string): string {
  const lines = code.split('\n');
  const end = lines.findIndex((l) => !l.startsWith('//'));
  return lines
    .slice(0, Math.max(0, end))
    .map((l) => l.replace(/^\/\/ ?/, ''))
    .join('\n');
}
