import { type Call, type Dispatch, grid, type Launch, type Variant } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import { launchOf } from '../compiler/kernel-call.js';
import type { Where } from '../compiler/load.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import type { Shader } from '../gpu/shader.js';
import type { Room } from '../kernels/room.js';
import { terms } from '../kernels/rooms.js';
import {
  type Expression,
  parseAssignments,
  parseExpression,
  parseWorkgroups,
  type WorkgroupCount,
} from './expression.js';
import { type KnownOp, knownOp, loadRooms, reference, variantsOf } from './ops.js';
import { defaultsOf, readKernel } from './user-source.js';

/** A kernel author's WGSL source. Several sources make a kernel of several dispatches, in their order. */
export interface KernelSource {
  /** File name for error messages. */
  readonly name: string;
  readonly code: string;
  /** Entry point; required if there are several `@compute` functions. */
  readonly entry?: string;
  /** `ceil(y.rows / 64), O` or `grid(y.rows * y.channels, 64)`. Default: the workgroups of `like`. */
  readonly workgroups?: string;
  /** Fields of the uniform variable that the op does not define: `NAME=expression, …`. */
  readonly params?: string;
  /** Override constants: `NAME=expression, …`. */
  readonly constants?: string;
}

export interface KernelOptions {
  readonly op: string;
  readonly sources: readonly KernelSource[];
  /** One of the op's variants whose workgroups, params, constants and scratch the sources are launched with. */
  readonly like?: string;
  /** Scratch buffers and their sizes in 4-byte elements: `NAME=expression, …`. */
  readonly scratch?: string;
  /** A condition; the kernel refuses calls for which it is 0. */
  readonly require?: string;
}

/** A kernel author's kernel as an additional variant of an op. */
export interface UserKernel {
  readonly known: KnownOp;
  readonly variant: Variant;
  /** Its name in error messages. */
  readonly name: string;
  readonly shaders: readonly Shader[];
}

interface Part {
  readonly shader: Shader;
  /** The values of override constants that no launch sets, as far as they are whole numbers. */
  readonly defaults: Readonly<Record<string, number>>;
  readonly workgroups: WorkgroupCount | undefined;
  readonly params: ReadonlyMap<string, Expression>;
  readonly constants: ReadonlyMap<string, Expression>;
}

/** Number of elements of the dummy buffer for a result that a call does not have. */
const DUMMY_ELEMENTS = 16;

/**
 * Reads the sources and checks all that is possible without running them: that they compile, their interface, names,
 * expressions and features. Throws `UsageError`, `ShaderError`, or `AdapterError` for a feature that the device lacks.
 */
export async function userKernel(engine: Engine, rooms: readonly Room[], options: KernelOptions): Promise<UserKernel> {
  const known = knownOp(rooms, options.op);
  await loadRooms(rooms);
  const { op } = known;
  if (!options.sources.length) throw new UsageError('no kernel was given');
  const like = options.like === undefined ? undefined : namedVariant(op, options.like, engine);
  const maxCount = engine.device.limits.maxComputeWorkgroupsPerDimension;
  const parts: Part[] = [];
  for (const source of options.sources) {
    const shader = await readKernel(engine, source.name, source.code, source.entry);
    if (source.workgroups === undefined && !like)
      throw new UsageError(
        `${source.name}: the number of workgroups is missing. Give --workgroups, as in --workgroups "grid(y.rows * y.channels, 64)", ` +
          `or --like ${reference(op).name} to launch it like that variant of ${op.name}`,
      );
    const constants = parseNames('--constants', source.constants);
    const overrides = shader.overrides.map((o) => o.name);
    const unknown = [...constants.keys()].find((n) => !overrides.includes(n));
    if (unknown)
      throw new UsageError(
        `--constants: ${source.name} has no override ${unknown}; it has ${overrides.join(', ') || 'none'}`,
      );
    const params = parseNames('--params', source.params, true);
    const unused = [...params.keys()].find((n) => !shader.params.some((p) => p.name === n));
    if (unused)
      throw new UsageError(
        `--params: the uniform variable of ${source.name} has no field ${unused}; ` +
          `it has ${shader.params.map((p) => p.name).join(', ') || 'none'}`,
      );
    const { workgroups } = source;
    parts.push({
      ...{ shader, params, constants, defaults: await defaultsOf(shader) },
      workgroups: workgroups === undefined ? undefined : parseWorkgroups('--workgroups', workgroups, maxCount),
    });
  }
  const scratch = parseNames('--scratch', options.scratch);
  const condition = options.require === undefined ? undefined : parseExpression('--require', options.require);
  checkBindings(op, parts, scratch, like !== undefined);
  const file = (options.sources[0] as KernelSource).name.replace(/^.*[/\\]/, '');
  const name = variantsOf(op).some((v) => v.name === file) ? `your ${file}` : file;
  const variant: Variant = {
    name,
    launch: (call) => {
      const template = like?.launch(call);
      if (typeof template === 'string') return `${like?.name} cannot run it: ${template}`;
      const kernels = template && labelsOf(template);
      if (kernels && kernels.length !== parts.length)
        return `${like?.name} has ${kernels.length} kernels here (${kernels.join(', ')}), but you gave ${parts.length}`;
      const names = namesOf(op, call, like);
      if (condition?.evaluate(names) === 0) return `not ${condition.text}`;
      const unread = unreadOf(op, parts, names);
      if (unread !== undefined) return `it does not read ${unread}, which is ${names[unread]} here`;
      return launch(op, parts, scratch, template, call, names);
    },
  };
  return { known, variant, name, shaders: parts.map((p) => p.shader) };
}

function parseNames(option: string, text = '', parts = false): ReadonlyMap<string, Expression> {
  return parseAssignments(option, text, parts);
}

/** The variant of this name among those of an op for a kind of device. Throws `UsageError` that lists them if there is none. */
export function namedVariant(op: Op, name: string, where: Where): Variant {
  const variants = variantsOf(op, where);
  const found = variants.find((v) => v.name === name);
  if (found) return found;
  throw new UsageError(`${op.name} has no variant ${name}; it has ${variants.map((v) => v.name).join(', ')}`);
}

function checkBindings(op: Op, parts: readonly Part[], scratch: ReadonlyMap<string, unknown>, like: boolean): void {
  const [args, results] = [Object.keys(op.args), Object.keys(op.results)];
  const clash = [...scratch.keys()].find((n) => args.includes(n) || results.includes(n));
  if (clash) throw new UsageError(`--scratch: ${clash} is an argument or result of ${op.name}; use another name`);
  const written = new Set<string>();
  for (const { shader } of parts) {
    for (const { name, type } of shader.bindings) {
      if (type === 'uniform') continue;
      if (type === 'storage') written.add(name);
      if (type === 'storage' && args.includes(name))
        throw new UsageError(
          `${shader.label}: ${name} is an argument of ${op.name}; declare it var<storage, read> ${name}`,
        );
      const known = args.includes(name) || results.includes(name) || scratch.has(name) || like;
      if (!known)
        throw new UsageError(
          `${shader.label}: the variable ${name} is neither an argument (${args.join(', ')}) nor a result ` +
            `(${results.join(', ')}) of ${op.name}. For a buffer of your own add --scratch "${name}=ELEMENTS"`,
        );
    }
  }
  const missing = results.filter((r) => !written.has(r));
  if (missing.length)
    throw new UsageError(
      `no kernel writes the result ${missing.join(', ')} of ${op.name}; ` +
        `declare var<storage, read_write> ${missing[0]} (pose-gan bench --contract ${op.name})`,
    );
}

/** Params and constants of all dispatches of a launch. If several dispatches give a name, the first one counts. */
function valuesOf(launch: Launch | undefined): {
  params: Record<string, number>;
  constants: Record<string, number>;
} {
  const all = [...(launch?.dispatches ?? [])].reverse();
  return {
    params: Object.assign({}, ...all.map((d) => d.params)),
    constants: Object.assign({}, ...all.map((d) => d.constants)),
  };
}

/** Every name that an expression may use for a call: the launch's numbers, and shape, offset and stride of every tensor. */
export function namesOf(op: Op, call: Call, like?: Variant): Record<string, number> {
  const base = valuesOf({ dispatches: whole(launchOf(reference(op), call).dispatches) });
  const launch = like?.launch(call);
  const own = !launch || typeof launch === 'string' ? undefined : valuesOf({ dispatches: whole(launch.dispatches) });
  const names: Record<string, number> = { ...base.params, ...base.constants, ...own?.params, ...own?.constants };
  for (const name of Object.keys(names)) if (/_(offset|stride)$/.test(name)) delete names[name];
  for (const name of Object.keys({ ...op.args, ...op.results })) {
    const a = call.arg[name];
    names[`${name}.rows`] = a?.rows ?? 0;
    names[`${name}.channels`] = a?.channels ?? 0;
    names[`${name}.offset`] = a?.offset ?? 0;
    names[`${name}.stride`] = a?.stride ?? 0;
    for (const [i, d] of (a?.shape ?? []).entries()) names[`${name}[${i}]`] = d;
  }
  names.subgroup_size = call.device.subgroupSize;
  return names;
}

/** A number that the kernels of all parts leave unread, although the call needs it. */
function unreadOf(op: Op, parts: readonly Part[], names: Readonly<Record<string, number>>): string | undefined {
  const needed = Object.entries(terms.get(op.name)?.unread ?? {}).filter(([name, value]) => names[name] !== value);
  const reads = ({ shader, params, constants }: Part, name: string) =>
    shader.params.some((p) => p.name === name) ||
    [...params.values(), ...constants.values()].some(({ text }) => new RegExp(`\\b${name}\\b`).test(text));
  return needed.find(([name]) => !parts.some((part) => reads(part, name)))?.[0];
}

/** Labels of the kernels of a launch in order; a kernel that is dispatched several times counts once. */
const labelsOf = ({ dispatches }: Launch) => [...new Set(dispatches.map((d) => d.shader.label))];

/** The launch of the sources: that of our variant (`template`) with other shaders, or one with workgroups of their own. */
function launch(
  op: Op,
  parts: readonly Part[],
  scratch: ReadonlyMap<string, Expression>,
  template: Launch | undefined,
  call: Call,
  names: Readonly<Record<string, number>>,
): Launch {
  const base = launchOf(reference(op), call);
  const labels = template ? labelsOf(template) : [];
  const dispatches = parts.flatMap((part, i): Dispatch[] => {
    const models = template?.dispatches.filter((d) => d.shader.label === labels[i]) ?? [];
    const own = [...part.params, ...part.constants].map(([name, e]): [string, number] => [name, e.evaluate(names)]);
    const counted = part.workgroups?.evaluate({ ...part.defaults, ...names, ...Object.fromEntries(own) }, grid);
    if (counted) return [dispatchOf(op, part, call, names, [whole(models), whole(base.dispatches)].flat(), counted)];
    return models.map((m) => dispatchOf(op, part, call, names, [m, ...base.dispatches], m.workgroups));
  });
  const sizes: Record<string, number> = { ...template?.scratch };
  for (const [name, size] of scratch) sizes[name] = wholeNumber(`--scratch ${name}`, size.evaluate(names), 1);
  for (const name of Object.keys(op.results)) if (!call.arg[name]) sizes[name] ??= DUMMY_ELEMENTS;
  return { dispatches, scratch: sizes };
}

/**
 * Dispatches of one kernel, of which each computes a range from `start` to `end`, as one dispatch that computes all of them. A
 * kernel with workgroups of its own is dispatched once.
 */
function whole(dispatches: readonly Dispatch[]): Dispatch[] {
  const [first] = dispatches;
  if (!first) return [];
  const last = dispatches.findLast((d) => d.shader === first.shader)?.params?.end;
  return [last === undefined ? first : { ...first, params: { ...first.params, end: last } }, ...dispatches.slice(1)];
}

function wholeNumber(what: string, value: number, min: number): number {
  if (!Number.isInteger(value) || value < min)
    throw new UsageError(`${what} must be a whole number of at least ${min}, but it is ${value}; wrap it in ceil( )`);
  return value;
}

function dispatchOf(
  op: Op,
  { shader, params: own, constants: ownConstants }: Part,
  call: Call,
  names: Readonly<Record<string, number>>,
  models: readonly Dispatch[],
  workgroups: readonly [number, number, number],
): Dispatch {
  const from = valuesOf({ dispatches: models });
  const absent = Object.keys(op.args).filter((a) => !call.arg[a]);
  const params: Record<string, number> = {};
  for (const { name, type } of shader.params) {
    const tensor = /^(.*)_(?:offset|stride)$/.exec(name)?.[1] ?? '';
    const expression = own.get(name);
    const value = expression ? expression.evaluate(names) : from.params[name];
    if (value === undefined) {
      if (call.arg[tensor]) continue;
      if (!absent.includes(tensor))
        throw new UsageError(
          `${shader.label}: the field ${name} has no value. ${op.name} gives values to ` +
            `${Object.keys(names)
              .filter((n) => /^\w+$/.test(n) && n !== 'subgroup_size')
              .join(', ')} and to _offset and _stride of its arguments ` +
            `and results. For a field of your own add --params "${name}=EXPRESSION"`,
        );
    }
    params[name] = value ?? 0;
    if (expression && type !== 'f32') wholeNumber(`--params ${name}`, params[name], type === 'u32' ? 0 : -(2 ** 31));
  }
  const constants: Record<string, number> = {};
  for (const { name } of shader.overrides) {
    const value = ownConstants.get(name)?.evaluate(names) ?? from.constants[name];
    if (value !== undefined) constants[name] = value;
  }
  return { shader, params, constants, workgroups };
}
