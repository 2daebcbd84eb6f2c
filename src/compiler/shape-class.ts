import { type Arg, type Call, type Variant, vec4Ready } from '../autograd/kernel.js';
import type { Op } from '../autograd/op.js';
import type { Shader } from '../gpu/shader.js';
import type { Tuning } from '../gpu/tuner.js';
import { hashText } from '../hash.js';
import { refusalOf } from './kernel-call.js';
import { kernelsOf } from './load.js';

/**
 * Returns the few variants that are worth timing for a call, with the rule's choice first. They are those that the op
 * names as `candidates`, or else all but the reference, if they can run the call.
 */
export function candidates(op: Op, call: Call): readonly Variant[] {
  const kernels = kernelsOf(op, call.device);
  const { variant: rule } = kernels.choose(call);
  const others = kernels.candidates?.(call) ?? kernels.variants.filter((v) => v !== kernels.reference);
  return [rule, ...others.filter((v) => v !== rule && refusalOf(v, call) === undefined)];
}

/**
 * Returns a key that is the same for all calls that share a choice. It contains the op, channels, alignment,
 * attributes, and the candidates with a hash of their kernels, so a changed kernel makes another class. The rows of
 * images are rounded up to a power of two, so that batches of 3 and 4 are one class. Four-dimensional arguments without
 * a channel stride are weights, and their shape counts exactly.
 */
export function shapeClass(op: Op, call: Call, among: readonly Variant[]): string {
  const args = Object.entries(call.arg).map(([name, a]) => `${name}:${shapeOf(op, name, a)}${vec4Ready(a) ? '' : '~'}`);
  const attrs = canonical(call.attrs);
  const names = among.map((v) => v.name).join('|');
  return [op.name, ...args, ...(attrs === '{}' ? [] : [attrs]), names, `#${kernelsHash(call, among)}`].join(' ');
}

function shapeOf(op: Op, name: string, a: Arg): string {
  const type = a.dtype === 'f32' ? '' : a.dtype;
  if (a.shape.length === 4 && a.dtype === 'f32' && !(op.args[name] ?? op.results[name])?.strided)
    return a.shape.join('×');
  return `${2 ** Math.ceil(Math.log2(a.rows))}×${a.channels}${type}`;
}

/**
 * Formats plain values in a fixed order. Other objects (a random generator, a parameter set) do not affect speed and
 * are left out.
 */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  if (Object.getPrototypeOf(value) !== Object.prototype) return '';
  const fields = Object.entries(value).map(([k, v]) => [k, canonical(v)] as const);
  return `{${fields
    .filter(([, v]) => v)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${v}`)
    .join(' ')}}`;
}

const hashes = new WeakMap<Shader, string>();

/** Returns the hash of a kernel's source without comments and indentation, which a build removes. */
function hashOf(shader: Shader): string {
  let hash = hashes.get(shader);
  if (!hash) {
    const lines = shader.code.split('\n').map((l) => l.replace(/\/\/.*$/, '').trim());
    hash = hashText(lines.filter(Boolean).join('\n'));
    hashes.set(shader, hash);
  }
  return hash;
}

/** Returns the hash of all kernels of the candidates with the constants of this call. */
function kernelsHash(call: Call, among: readonly Variant[]): string {
  const kernels = among.map((v) => {
    const launch = v.launch(call);
    const dispatches = typeof launch === 'string' ? [] : launch.dispatches;
    return [v.name, ...dispatches.map(({ shader, constants = {} }) => [hashOf(shader), constants])];
  });
  return hashText(JSON.stringify(kernels));
}

/** Returns the variant that a tuning chose for a call, or nothing when it has no choice that fits. */
export function tunedVariant(tuning: Tuning | undefined, op: Op, call: Call): Variant | undefined {
  if (!tuning || kernelsOf(op, call.device).variants.length < 2) return undefined;
  const among = candidates(op, call);
  const choice = among.length > 1 ? tuning.get(shapeClass(op, call, among)) : undefined;
  return among.find((v) => v.name === choice?.variant);
}
