import type { Call, DeviceTraits, Variant } from '../autograd/kernel.js';
import type { Op, ValueSpec } from '../autograd/op.js';
import { launchOf, refusalOf } from '../compiler/kernel-call.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { type Shader, type ShaderParam, TEXELS } from '../gpu/shader.js';
import type { Room } from '../kernels/room.js';
import { terms } from '../kernels/rooms.js';
import { caseNodes, type KnownOp, knownOp, plainCall, reference, traitsOf, variantsOf } from './ops.js';
import { namedVariant, namesOf } from './user-kernel.js';
import { caseName } from './user-run.js';

/** The interface of a kernel for an op: the tensors it is bound to and the values it is launched with, read from the op. */
export interface Contract {
  readonly op: string;
  /** The comment at the head of the reference kernel, the plainest one. */
  readonly formula: string;
  readonly tensors: readonly ContractTensor[];
  /** The case that the sample values come from. */
  readonly sample: string;
  /** Names that every kernel of the op gets. */
  readonly names: readonly ContractName[];
  /** Names that a kernel gets only if it is launched like one of our variants, scratch buffers included. */
  readonly others: readonly (ContractName & { readonly variants: readonly string[] })[];
  /** All names that an expression may use, with their values on the sample case. */
  readonly expressions: Readonly<Record<string, number>>;
  readonly variants: readonly ContractVariant[];
  readonly device: ContractDevice;
  /** The source of a complete kernel: the reference. */
  readonly example: string;
}

interface ContractTensor {
  readonly name: string;
  readonly kind: 'argument' | 'optional argument' | 'result';
  readonly dtype: string;
  /** Letters of the dimensions, of which the last is contiguous. */
  readonly layout: string;
  readonly shape: readonly number[];
  /** Whether it may be a channel range of a wider tensor. */
  readonly strided: boolean;
}

export interface ContractName {
  readonly name: string;
  readonly kind: 'param' | 'override' | 'scratch';
  readonly type?: ShaderParam['type'];
  /** Its value on the sample case. */
  readonly value?: number;
  readonly meaning: string;
}

interface ContractVariant {
  readonly name: string;
  /** Labels of its kernels in the order of their dispatches on the sample case. */
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

/** The call with the most optional arguments and, among those, with the most variants that can run it. */
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

/** The names that a variant's launches give values to, over all calls that it can run. */
function namesGivenBy(variant: Variant, calls: readonly Call[]): Map<string, Omit<ContractName, 'meaning'>> {
  const found = new Map<string, Omit<ContractName, 'meaning'>>();
  for (const call of calls) {
    const launch = variant.launch(call);
    if (typeof launch === 'string') continue;
    const { dispatches, scratch = {} } = launch;
    const types = new Map(dispatches.flatMap((d) => d.shader.params).map((p) => [p.name, p.type]));
    for (const d of dispatches) {
      for (const name of [...Object.keys(d.params ?? {}), ...d.shader.params.map((p) => p.name)])
        if (!isLayoutParam(name)) found.set(name, { name, kind: 'param', type: types.get(name) });
      for (const { name } of d.shader.overrides) found.set(name, { name, kind: 'override' });
    }
    for (const name of Object.keys(scratch)) found.set(name, { name, kind: 'scratch' });
  }
  return found;
}

/** Whether a name is the offset or stride of a tensor, which every tensor has. */
const isLayoutParam = (name: string) => /_(offset|stride)$/.test(name);

/** Finds the original source of a shader from which the build has removed comments and indentation. */
export type OriginalSource = (code: string) => string;

/** The contract of an op. Throws `UsageError` that lists the ops if there is none of this name. */
export function contractOf(
  engine: Engine,
  rooms: readonly Room[],
  name: string,
  original: OriginalSource = (code) => code,
): Contract {
  const known = knownOp(rooms, name);
  const { op } = known;
  const device = traitsOf(engine);
  const { call, name: sample } = sampleCall(known, device);
  const calls = [...callsOf(known, device)];
  const source = original((shadersOf(reference(op), call)[0] as Shader).code);
  const expressions = namesOf(op, call);
  const complete = (n: Omit<ContractName, 'meaning'>): ContractName => ({
    ...n,
    value: expressions[n.name],
    meaning: meaningOf(op, n.name) ?? '',
  });
  const own = new Map([...namesGivenBy(reference(op), calls)].filter(([, n]) => n.kind !== 'scratch'));
  const others = new Map<string, ContractName & { variants: string[] }>();
  for (const variant of variantsOf(op, device))
    for (const [n, what] of namesGivenBy(variant, calls)) {
      if (own.has(n)) continue;
      const entry = others.get(n) ?? { ...complete(what), variants: [] };
      entry.variants.push(variant.name);
      others.set(n, entry);
    }
  return {
    op: op.name,
    formula: header(source),
    tensors: tensorsOf(op, call),
    sample,
    names: [...own.values()].map(complete),
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

/** The room's explanation of a name in the op's launches. */
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

/** The kernels of a variant without repetitions. */
function shadersOf(variant: Variant, call: Call): Shader[] {
  const all = launchOf(variant, call).dispatches.map((d) => d.shader);
  return all.filter((s, i) => all.findIndex((other) => other.label === s.label) === i);
}

/**
 * The sources of our variant `like` in the order of its dispatches, without repetitions. Default: the reference.
 * Throws `UsageError` if it runs in no case on this adapter.
 */
export function exampleSources(
  engine: Engine,
  rooms: readonly Room[],
  name: string,
  { like, original = (code) => code }: { like?: string; original?: OriginalSource } = {},
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
  return shadersOf(variant, call).map(({ label, code }) => ({ label, code: `${original(code).trimEnd()}\n` }));
}

/**
 * One of `exampleSources`, number `part` from 1. Throws `UsageError` if `part` is absent although there are several, or
 * if there is no such source.
 */
export function exampleSource(
  engine: Engine,
  rooms: readonly Room[],
  name: string,
  { part, ...options }: { like?: string; part?: number; original?: OriginalSource } = {},
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
