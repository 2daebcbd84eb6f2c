import { channelsOf, rowsOf } from '../autograd/tensor.js';
import type { Engine } from '../gpu/engine.js';
import { present } from '../present.js';
import { compileFor, runPasses } from './compile.js';
import { type BufferSpec, extentOf, isLaunched, isPooled, type LaunchedCall, type PlacedCall } from './kernel-call.js';
import type { Wanted } from './lower.js';
import { type CompileOptions, targetOf } from './options.js';
import type { Plan } from './plan.js';

/**
 * Redzones are filled with this bit pattern. It is a NaN, so that the result of a kernel that reads one shows it. Its quiet bit is
 * 0, and arithmetic sets that bit, so a NaN that was computed from a redzone and written to another one is told apart.
 */
const REDZONE = 0x7fa0dead;

/**
 * Compiles a plan for checks. It leaves `elements` free around every tensor and between its rows, and more behind every
 * argument, result and scratch buffer. No values share a buffer, so that `redzoneViolations` finds what a kernel writes
 * outside its results.
 */
export function compileWithRedzones(
  engine: Engine,
  wanted: Wanted,
  elements: number,
  options: CompileOptions = {},
): Promise<Plan> {
  return compileFor({ ...targetOf(engine, options), redzone: elements }, engine, wanted, options.fuse);
}

/** Returns the launched calls of the plan that `compileWithRedzones` would make. */
export async function plannedWithRedzones(
  engine: Engine,
  wanted: Wanted,
  elements: number,
  options: CompileOptions = {},
): Promise<readonly LaunchedCall[]> {
  const target = { ...targetOf(engine, options), redzone: elements };
  return (await runPasses(target, wanted, options.fuse)).calls.filter(isLaunched);
}

/** Finite numbers that are far from every result of a check: 1500 and −1500 in turn. */
const STALE = [0x44bb8000, 0xc4bb8000] as const;

/** The contents of memory before a run. */
export interface Filling {
  /** Fills every value that a kernel computes. Default: the pattern. `stale` imitates the results of an earlier run. */
  readonly values?: 'pattern' | 'zero' | 'stale';
  /**
   * Says how to fill a scratch buffer of this name. Default: the pattern. `kept` leaves what the previous run has
   * written.
   */
  scratch?(name: string): 'pattern' | 'zero' | 'kept';
}

/** Says whether a word of a value is what such a filling has written. */
export const isFilling = (word: number | undefined, { values = 'pattern' }: Filling = {}) =>
  values === 'stale' ? word === STALE[0] || word === STALE[1] : word === (values === 'zero' ? 0 : REDZONE);

/**
 * Fills every value, scratch buffer, and texture that arguments are copied to. The memory around them always gets the
 * pattern.
 */
export function fillRedzones(
  { engine, parts }: Plan,
  { values = 'pattern', scratch = () => 'pattern' }: Filling = {},
): void {
  const inside = insideOf(parts.calls);
  const temporary = scratchOf(parts.calls);
  for (const [spec, buffer] of parts.buffers) {
    if (!isPooled(spec)) {
      const { elements, tail = 0 } = spec;
      if (tail) engine.write(buffer, 4 * (elements - tail), new Uint32Array(tail).fill(REDZONE));
      continue;
    }
    const words = new Uint32Array(spec.elements).fill(REDZONE);
    const { mask } = inside.get(spec) ?? {};
    const name = temporary.get(spec);
    const what = name === undefined ? values : scratch(name);
    if (what === 'kept') continue;
    if (what !== 'pattern')
      for (const i of words.keys()) if (mask?.[i]) words[i] = what === 'zero' ? 0 : present(STALE[i % 2]);
    engine.write(buffer, 0, words);
  }
  for (const texture of parts.textures) {
    const { width, height } = texture;
    const fill = new Uint32Array(4 * width * height).fill(REDZONE);
    engine.scoped('fill', ({ queue }) =>
      queue.writeTexture({ texture }, fill, { bytesPerRow: 16 * width }, [width, height]),
    );
  }
}

/**
 * Overwrites only the results of calls, with finite numbers, so that a run that does not compute them again is
 * detected.
 */
export async function makeStale({ engine, parts }: Plan, calls: readonly LaunchedCall[]): Promise<void> {
  for (const { outputs, buffers } of calls)
    for (const [name, value] of Object.entries(outputs)) {
      const view = present(buffers[name]);
      const buffer = present(parts.buffers.get(view.buffer ?? view.allocation));
      const words = new Uint32Array(await engine.readBuffer(buffer, 4 * view.offset, 4 * extentOf(view, value)));
      const channels = channelsOf(value.shape);
      for (const i of words.keys()) if (i % view.stride < channels) words[i] = present(STALE[i % 2]);
      engine.write(buffer, 4 * view.offset, words);
    }
}

/** Returns the scratch buffers, and the names by which their calls know them. */
function scratchOf(calls: readonly PlacedCall[]): ReadonlyMap<BufferSpec, string> {
  const views = calls.flatMap(({ buffers }) => Object.entries(buffers));
  const scratch = views.filter(([, { allocation }]) => allocation.kind === 'scratch');
  return new Map(scratch.map(([name, { allocation, buffer = allocation }]) => [buffer, name]));
}

/** Returns which elements of the buffers of values belong to a value, and which of scratch buffers the kernel asked for. */
function insideOf(calls: readonly PlacedCall[]): ReadonlyMap<BufferSpec, { label: string; mask: Uint8Array }> {
  const inside = new Map<BufferSpec, { label: string; mask: Uint8Array }>();
  for (const { inputs, outputs, buffers } of calls) {
    for (const [name, { allocation, buffer = allocation, stride }] of Object.entries(buffers))
      if (allocation.kind === 'scratch' && !(name in inputs) && !(name in outputs))
        inside.set(buffer, { label: `scratch ${name}`, mask: new Uint8Array(buffer.elements).fill(1, 0, stride) });
    for (const [name, value] of Object.entries({ ...inputs, ...outputs })) {
      const { allocation, buffer = allocation, offset, stride } = present(buffers[name]);
      if (allocation.kind !== 'pool') continue;
      const { mask } = inside.get(buffer) ?? { mask: new Uint8Array(buffer.elements) };
      inside.set(buffer, { label: allocation.label, mask });
      const channels = channelsOf(value.shape);
      for (let r = 0; r < rowsOf(value.shape); r++) mask.fill(1, offset + r * stride, offset + r * stride + channels);
    }
  }
  return inside;
}

/**
 * Returns the first element of each buffer outside every tensor that a kernel has overwritten since `fillRedzones`, as
 * `label @ element`.
 */
export async function redzoneViolations({ engine, parts }: Plan): Promise<string[]> {
  const found: string[] = [];
  for (const [spec, { label, mask }] of insideOf(parts.calls)) {
    const words = new Uint32Array(await engine.readBuffer(present(parts.buffers.get(spec))));
    const at = words.findIndex((word, i) => !mask[i] && word !== REDZONE);
    if (at >= 0) found.push(`${label} @ ${at}`);
  }
  return found;
}
