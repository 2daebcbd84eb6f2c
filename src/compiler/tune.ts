import type { Variant } from '../autograd/kernel.js';
import { COUNT, checked, FUNCTION, type Kinds, listOf, OBJECT, POSITIVE } from '../gpu/arguments.js';
import { encodeDispatches } from '../gpu/encode.js';
import { ENGINE, type Engine, GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { GpuValidationError, LimitError, OutOfMemoryError, ShaderError } from '../gpu/errors.js';
import { measure } from '../gpu/measure.js';
import { align } from '../gpu/parameter-storage.js';
import { requireTimestamps } from '../gpu/profiler.js';
import { type Choice, Tuning } from '../gpu/tuner.js';
import { present } from '../present.js';
import { bind } from './bind.js';
import type { BufferSpec, LaunchedCall, View } from './kernel-call.js';
import { label, launchOf } from './kernel-call.js';
import { checkLimits } from './limits.js';
import { realize, type Step } from './realize.js';
import { candidates, shapeClass } from './shape-class.js';

export interface TuneOptions {
  /** The number of samples of each candidate. Default: 5. */
  readonly samples?: number;
  /** The least duration of a sample in milliseconds. Default: 20 on an adapter that runs on the CPU, else 2. */
  readonly sampleMs?: number;
  /** After this many milliseconds, no further class is timed. */
  readonly budgetMs?: number;
  /** After it is aborted, no further class is timed. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TuneProgress) => void;
}

export interface TuneProgress {
  /** The number of classes timed so far, and of all that will be timed. */
  readonly done: number;
  readonly total: number;
  /** The class that was just timed. */
  readonly tuned: TunedClass;
}

/** One class of calls with more than one candidate. */
export interface TunedClass {
  readonly key: string;
  readonly op: string;
  /** How many calls of the graph belong to it. */
  readonly calls: number;
  readonly choice: Choice;
  /** Whether it was timed now. Otherwise the choice was already known. */
  readonly timed: boolean;
  /** The candidates that this device refused, with the reasons. */
  readonly refused: Readonly<Record<string, string>>;
}

export interface TuneResult {
  readonly classes: readonly TunedClass[];
  /** The number of classes that were timed now. */
  readonly timed: number;
  /** The number of classes without a choice, because the budget ran out or the signal was aborted. */
  readonly left: number;
}

/**
 * The rule's choice is replaced only by a candidate that takes less than this share of its time; smaller differences
 * are noise.
 */
const MUCH_FASTER = 0.97;
/** Candidates whose samples would last this many times longer than needed get fewer samples. */
const LONG = 10;
/** A candidate that is this many times slower than the fastest is not sampled further. */
const HOPELESS = 3;

const TAKES: Kinds = {
  engine: ENGINE,
  calls: listOf(OBJECT),
  'options?': {
    'samples?': COUNT,
    'sampleMs?': POSITIVE,
    'budgetMs?': ['a number', (v) => typeof v === 'number' && !Number.isNaN(v)],
    'signal?': ['an AbortSignal', (v) => typeof (v as AbortSignal)?.aborted === 'boolean'],
    'onProgress?': FUNCTION,
  },
};

/**
 * Times the candidates of every class of calls for which `engine.tuning` has no choice, each by itself on arguments
 * with the sizes, strides and offsets of the call, and adds the choices to `engine.tuning`. Later `compile`s use them.
 * Every candidate is a tested variant, so a choice changes only speed and the order of sums. Throws `AdapterError` when
 * the device has no timestamps.
 */
export async function tune(
  ...args: [engine: Engine, calls: readonly LaunchedCall[], options?: TuneOptions]
): Promise<TuneResult> {
  const [engine, calls, options = {}] = checked('tune', TAKES, args);
  const { budgetMs = Number.POSITIVE_INFINITY, signal, onProgress } = options;
  const tuning = new Tuning(engine.adapter).add(engine.tuning ?? new Tuning(engine.adapter));
  const found = classesOf(calls);
  const wanted = found.filter(({ key }) => !tuning.get(key));
  if (wanted.length) requireTimestamps(engine);
  const begun = performance.now();
  const timed = new Map<string, TunedClass>();
  for (const { key, call, among, count } of wanted) {
    if (signal?.aborted || performance.now() - begun > budgetMs) break;
    const { choice, refused } = await timeCandidates(engine, call, among, options);
    tuning.set(key, choice);
    engine.tuning = tuning;
    const tuned: TunedClass = { key, op: call.op.name, calls: count, choice, timed: true, refused };
    timed.set(key, tuned);
    onProgress?.({ done: timed.size, total: wanted.length, tuned });
  }
  const classes = found.flatMap(({ key, call, count }): TunedClass[] => {
    const choice = tuning.get(key);
    if (!choice) return [];
    return [timed.get(key) ?? { key, op: call.op.name, calls: count, choice, timed: false, refused: {} }];
  });
  return { classes, timed: timed.size, left: found.length - classes.length };
}

interface CallClass {
  readonly key: string;
  /** The first call of the class. */
  readonly call: LaunchedCall;
  readonly among: readonly Variant[];
  count: number;
}

function classesOf(calls: readonly LaunchedCall[]): CallClass[] {
  const found = new Map<string, CallClass>();
  for (const call of calls) {
    const among = candidates(call.op, call.kernel.call);
    if (among.length < 2) continue;
    const key = shapeClass(call.op, call.kernel.call, among);
    const known = found.get(key);
    if (known) known.count++;
    else found.set(key, { key, call, among, count: 1 });
  }
  return [...found.values()];
}

/** Times the candidates of one call in turn, on the same arguments. */
async function timeCandidates(
  engine: Engine,
  planned: LaunchedCall,
  among: readonly Variant[],
  { samples = 5, sampleMs = engine.software ? 20 : 2 }: TuneOptions,
): Promise<{ choice: Choice; refused: Record<string, string> }> {
  const bench = new CallBench(engine, planned);
  try {
    const work: { variant: string; dispatches: readonly Step[] }[] = [];
    const refused: Record<string, string> = {};
    for (const [i, variant] of among.entries()) {
      try {
        work.push({ variant: variant.name, dispatches: await bench.steps(variant) });
      } catch (error) {
        if (i === 0 || !isRefusal(error)) throw error;
        refused[variant.name] = error.message;
      }
    }
    const budgetMs = LONG * samples * sampleMs;
    const measured = await measure(engine, work, { samples, sampleMs, budgetMs, hopeless: HOPELESS });
    const times = Object.fromEntries(work.map(({ variant }, i) => [variant, 1000 * present(measured[i]).median]));
    return { choice: choose(times, present(among[0]).name), refused };
  } finally {
    bench.destroy();
  }
}

function isRefusal(error: unknown): error is Error {
  return [LimitError, ShaderError, OutOfMemoryError, GpuValidationError].some((kind) => error instanceof kind);
}

/** Chooses the fastest variant if it is much faster than the rule's choice. `times` are in microseconds, by variant. */
export function choose(times: Readonly<Record<string, number>>, rule: string): Choice {
  const limit = MUCH_FASTER * present(times[rule]);
  const [best] = Object.entries(times).sort(([, a], [, b]) => a - b);
  const variant = best && best[1] < limit ? best[0] : rule;
  const rounded = Object.entries(times).map(([name, t]) => [name, Number(t.toPrecision(4))]);
  return { variant, rule, times: Object.fromEntries(rounded) };
}

/** A Weyl sequence of values in [−1, 1), so that no kernel works on zeros alone. */
const VALUES = Float32Array.from({ length: 65536 }, (_, i) => (Math.imul(i, 0x9e3779b1) | 0) / 2 ** 31);

/**
 * Holds the arguments of one call in buffers of their own, placed as in the plan, and the dispatches of its kernels on
 * them.
 */
class CallBench {
  readonly #owned: { destroy(): void }[] = [];
  readonly #buffers = new Map<BufferSpec, GPUBuffer>();
  readonly #views: Record<string, View> = {};
  readonly #outcomes: Outcomes = [];

  constructor(
    private readonly engine: Engine,
    private readonly planned: LaunchedCall,
  ) {
    for (const [name, a] of Object.entries(planned.kernel.call.arg)) {
      const elements = align(a.offset + (a.rows - 1) * a.stride + a.channels);
      const view = this.#view(`tune ${planned.op.name} ${name}`, elements, this.#outcomes, a.offset, a.stride);
      this.#views[name] = view;
      if (a.dtype === 'f32') this.#fill(view.allocation);
    }
  }

  #view(label: string, elements: number, outcomes: Outcomes, offset: number, stride: number): View {
    const allocation = { label, kind: 'pool', elements } as const;
    this.#buffers.set(allocation, this.#buffer(label, elements, outcomes));
    return { allocation, offset, stride };
  }

  #buffer(name: string, elements: number, outcomes: Outcomes, usage?: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPU_BUFFER;
    const buffer = this.engine.buffer(name, 4 * elements, usage ?? STORAGE | COPY_SRC | COPY_DST, outcomes);
    this.#owned.push(buffer);
    return buffer;
  }

  #fill(allocation: View['allocation']): void {
    const buffer = present(this.#buffers.get(allocation));
    for (let at = 0; at < allocation.elements; at += VALUES.length) {
      const count = Math.min(VALUES.length, allocation.elements - at);
      this.engine.write(buffer, 4 * at, VALUES.subarray(0, count), this.#outcomes);
    }
  }

  /** Returns the dispatches of a kernel. Rejects with a typed error when this device cannot run it. */
  async steps(variant: Variant): Promise<readonly Step[]> {
    const { engine, planned } = this;
    const { op, kernel } = planned;
    const outcomes = [...this.#outcomes];
    const launch = launchOf(variant, kernel.call);
    const buffers = { ...this.#views };
    for (const [name, elements] of Object.entries(launch.scratch ?? {}))
      buffers[name] = this.#view(`tune ${op.name}/${variant.name} ${name}`, align(elements), outcomes, 0, elements);
    const name = label(op.name, variant.name, Object.values(planned.outputs)[0]?.shape);
    // The kernel is timed by itself, without the work that was fused into it.
    const known = (values: LaunchedCall['inputs']) =>
      Object.fromEntries(Object.entries(values).filter(([argument]) => argument in kernel.call.arg));
    const call: LaunchedCall = {
      ...{ op, attrs: planned.attrs, inputs: known(planned.inputs), outputs: known(planned.outputs), epilogue: [] },
      ...{ buffers, kernel: { ...kernel, variant, launch, label: name } },
    };
    checkLimits([call], engine.device.limits);
    const make = (text: string, size: number, usage?: number) => this.#buffer(text, size, outcomes, usage);
    const program = await bind([call], engine.device.limits.minUniformBufferOffsetAlignment);
    const { steps, textures } = await realize(engine, program, this.#buffers, make, outcomes);
    this.#owned.push(...textures);
    await engine.wait(Promise.all(outcomes));
    // On some adapters the first run compiles the kernel, so it must not be timed.
    const encoder = engine.device.createCommandEncoder({ label: engine.label('tune') });
    encodeDispatches(encoder, steps, engine.label('tune'));
    engine.submit(encoder, 'tune');
    await engine.idle();
    return steps;
  }

  destroy(): void {
    for (const o of this.#owned) o.destroy();
  }
}
