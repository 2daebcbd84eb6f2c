import type { Arg, Call, Dispatch, Launch } from '../../autograd/kernel.js';
import type { Instrumented, Watched } from './instrument.js';
import { SETTINGS, SHADOW_WORDS, SITE_WORDS, VARIABLE_WORDS } from './runtime.js';

/** Largest number of words of a log: 64 MiB. */
const MAX_WORDS = 2 ** 24;

/** Smallest number of bits for epochs with which races are worth looking for. */
const MIN_EPOCH_BITS = 4;

/** A dispatch of a sanitized launch, and where its part of the log begins. */
export interface LoggedDispatch {
  readonly shader: Instrumented;
  readonly file: string;
  readonly base: number;
  readonly bits: Bits;
}

/** How the words of a shadow are divided. */
export interface Bits {
  readonly site: number;
  readonly local: number;
  readonly group: number;
}

/** The log of a launch before it runs. */
export interface Log {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly dispatches: readonly LoggedDispatch[];
}

const bitsFor = (count: number) => Math.ceil(Math.log2(Math.max(2, count)));

/** Plans the log of a launch; returns the reason in words if it would be too large. */
export function planLog(
  call: Call,
  launch: Launch,
  shaders: readonly { readonly shader: Instrumented; readonly file: string }[],
): Log | string {
  const dispatches: LoggedDispatch[] = [];
  const heads: [at: number, words: number[]][] = [];
  let end = launch.dispatches.length;
  for (const [i, dispatch] of launch.dispatches.entries()) {
    const { shader, file } = shaders[i] as (typeof shaders)[number];
    const groups = dispatch.workgroups.reduce((a, b) => a * b, 1);
    const local = bitsFor(call.device.limits.maxComputeInvocationsPerWorkgroup);
    const bits = { site: bitsFor(shader.sites.length), local, group: bitsFor(groups) };
    const epochBits = 32 - bits.site - bits.local - bits.group;
    if (epochBits < MIN_EPOCH_BITS) return `it has too many workgroups (${groups}) to note who used what`;
    const base = end;
    const sites = base + SETTINGS.length + VARIABLE_WORDS * shader.variables.length;
    let shadow = sites + SITE_WORDS * shader.sites.length;
    const head = [bits.site, bits.local, bits.group, 2 ** epochBits - 1, sites, 0];
    for (const variable of shader.variables) {
      const range = rangeOf(variable, call, launch);
      const cells = cellsOf(variable, range.end, groups, shader, dispatch);
      if (cells === undefined) return `the size of ${variable.name} is not known before the launch`;
      head.push(range.first, range.end, shadow);
      shadow += SHADOW_WORDS * cells;
      if (shadow > MAX_WORDS) return `its log would be larger than ${(4 * MAX_WORDS) / 2 ** 20} MiB`;
    }
    end = shadow;
    heads.push([base, head]);
    dispatches.push({ shader, file, base, bits });
  }
  const words = new Uint32Array(end);
  for (const [i, [at, head]] of heads.entries()) {
    words[i] = at;
    words.set(head, at);
  }
  return { words, dispatches };
}

/** The elements of a variable in storage that belong to its tensor or scratch. */
function rangeOf({ name, space, stride }: Watched, call: Call, launch: Launch): { first: number; end: number } {
  if (space === 'workgroup') return { first: 0, end: 0 };
  const arg: Arg | undefined = call.arg[name];
  const scratch = launch.scratch?.[name];
  if (arg) {
    const { offset, stride: row, rows, channels } = arg;
    const last = offset + Math.max(0, rows - 1) * row + channels;
    return { first: Math.floor((4 * offset) / stride), end: Math.ceil((4 * last) / stride) };
  }
  // An argument that the call does not have is bound to a buffer that nobody looks at.
  return { first: 0, end: scratch === undefined ? 2 ** 32 - 1 : Math.ceil((4 * scratch) / stride) };
}

/** The number of cells whose users are noted: those of a variable in every workgroup that has one of its own. */
function cellsOf(
  variable: Watched,
  end: number,
  groups: number,
  shader: Instrumented,
  { constants = {} }: Dispatch,
): number | undefined {
  if (!variable.writable) return 0;
  if (variable.space === 'storage') return end;
  const cells = shader.cells(variable, constants);
  return cells === undefined ? undefined : cells * groups;
}
