import type { Shape, TensorData } from '../autograd/tensor.js';
import { lifetimesOf, liveElements } from '../compiler/allocate.js';
import { costOf as costOfCall } from '../compiler/cost.js';
import type { Plan } from '../compiler/plan.js';
import type { Step } from '../compiler/realize.js';
import type { Engine } from '../gpu/engine.js';
import { summarise, type Times } from '../gpu/measure.js';
import { type Recording, requireTimestamps } from '../gpu/profiler.js';
import type { Phase } from '../model/training.js';
import { layersOf, phasesOf } from './attribution.js';
import { HostClock, type HostProfile } from './host.js';
import type { Peaks } from './peaks.js';

/** One dispatch of a profiled plan. */
interface ProfiledDispatch {
  readonly step: Step;
  readonly layer: string;
  readonly phase: string;
  /** Shape of the first result of its node. */
  readonly shape: Shape | undefined;
  /** Median time in milliseconds. */
  readonly ms: number;
  /** Operations and bytes of the whole node; 0 at all dispatches of a node but the first. */
  readonly flops: number;
  readonly bytes: number;
  /** Bytes of the intermediates that are alive when it runs. */
  readonly liveBytes: number;
}

/** Device memory of a plan in bytes. `weights` does not include the optimiser's moments. */
interface ProfiledMemory {
  readonly peak: number;
  readonly weights: number;
  readonly gradients: number;
  readonly moments: number;
  readonly activations: number;
  readonly largestLiveSet: number;
  readonly inputs: number;
  readonly textures: number;
  /** peak / (weights + gradients + moments + largestLiveSet) */
  readonly ratio: number;
}

/** Where the time of a plan's run goes, in milliseconds. */
export interface Profile {
  readonly dispatches: readonly ProfiledDispatch[];
  /** Sum of the times of the dispatches. */
  readonly ms: number;
  /** From submission to the last result: `profiled` for runs with two timestamps per dispatch, `whole` for runs without. */
  readonly profiled: Times;
  readonly whole: Times;
  readonly host: HostProfile;
  readonly memory: ProfiledMemory;
  /** The profiled run of median length; its dispatches are in the order of `dispatches`. */
  readonly recording: Recording;
}

export interface ProfileOptions {
  /** Phases of the plan (`trainer.phases`). */
  readonly phases?: readonly Phase[];
  /** Number of profiled runs, and of runs without timestamps that alternate with them. */
  readonly runs?: number;
  /** Number of runs that are queued together on a GPU, and of recordings of commands while the device is idle. */
  readonly hostRuns?: number;
  /** Called after every run with the number of runs done and of all runs. */
  readonly onRun?: (done: number, total: number) => void;
}

/** Operations and bytes of a call, at its first step. An op without a cost formula counts as the bytes that it reads and writes. */
function costOf({ call, first }: Step): { flops: number; bytes: number } {
  if (!first) return { flops: 0, bytes: 0 };
  if (call.op.cost) return costOfCall(call);
  return { flops: 0, bytes: Object.values(call.kernel.call.arg).reduce((n, a) => n + 4 * a.rows * a.channels, 0) };
}

/**
 * Profiles a plan: after a run to warm up, runs with a pair of timestamps around every dispatch alternate with runs without.
 * All are real runs, so a training plan trains. Throws `AdapterError` on a device without `timestamp-query`.
 */
export async function profilePlan(
  engine: Engine,
  plan: Plan,
  feeds: Readonly<Record<string, TensorData>>,
  options: ProfileOptions = {},
): Promise<Profile> {
  requireTimestamps(engine);
  const { phases = [], runs = 3, hostRuns = 20, onRun = () => {} } = options;
  const total = 2 * runs + 1;
  const recordings: Recording[] = [];
  const profiled: number[] = [];
  const whole: number[] = [];
  const host = new HostClock(plan, feeds);
  await host.run();
  host.warmUp();
  onRun(1, total);
  host.reset();
  for (let i = 0; i < runs; i++) {
    let begin = performance.now();
    recordings.push(await plan.record(feeds));
    profiled.push(performance.now() - begin);
    onRun(2 * i + 2, total);
    begin = performance.now();
    await host.run();
    await engine.idle();
    whole.push(performance.now() - begin);
    onRun(2 * i + 3, total);
  }
  // Queue the runs on a GPU only: an adapter on the CPU would compete with the host for its cores.
  if (!engine.software) {
    host.reset();
    await Promise.all(Array.from({ length: hostRuns }, () => host.run()));
    await engine.idle();
  }
  const dispatches = dispatchesOf(plan, phases, recordings);
  return {
    dispatches,
    ms: dispatches.reduce((n, d) => n + d.ms, 0),
    profiled: summarise(profiled),
    whole: summarise(whole),
    host: host.profile(hostRuns),
    memory: memoryOf(plan),
    recording: medianOf(recordings, (r) => r.dispatches.at(-1)?.end ?? 0),
  };
}

function medianOf<T>(list: readonly T[], value: (x: T) => number): T {
  return [...list].sort((a, b) => value(a) - value(b))[list.length >> 1] as T;
}

function dispatchesOf(plan: Plan, phases: readonly Phase[], recordings: readonly Recording[]): ProfiledDispatch[] {
  const layers = layersOf(plan.steps);
  const names = phasesOf(plan.steps, phases);
  const { calls } = plan.parts;
  const live = liveElements(lifetimesOf(calls), calls.length);
  return plan.steps.map((step, i) => {
    const times = recordings.map(({ dispatches }) => {
      const { begin = 0, end = 0 } = dispatches[i] ?? {};
      return end - begin;
    });
    return {
      step,
      layer: layers[i] as string,
      phase: names[i] as string,
      shape: Object.values(step.call.outputs)[0]?.shape,
      ms: summarise(times).median,
      liveBytes: 4 * (live[calls.indexOf(step.call)] as number),
      ...costOf(step),
    };
  });
}

function memoryOf(plan: Plan): ProfiledMemory {
  const { peak, gradients, activations, largestLiveSet, inputs, textures, parameterSets } = plan.memory();
  const updates = plan.steps.flatMap(({ call: { op, attrs } }) => op.update?.(attrs) ?? []);
  const states = new Set(updates.flatMap(({ state }) => Object.values(state).map((s) => s.name)));
  const sum = (sets: typeof parameterSets) => sets.reduce((n, s) => n + s.bytes, 0);
  const moments = sum(parameterSets.filter((s) => states.has(s.name)));
  const weights = sum(parameterSets) - moments;
  const ratio = peak / (weights + gradients + moments + largestLiveSet);
  return { peak, weights, gradients, moments, activations, largestLiveSet, inputs, textures, ratio };
}

/** Properties by which dispatches can be grouped. */
export const GROUPINGS = ['kernel', 'op', 'layer', 'phase'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** The sums over the dispatches of one kernel, op, layer or phase. */
export interface ProfileGroup {
  readonly name: string;
  /** Number of kernel calls, and of the dispatches they consist of. */
  readonly calls: number;
  readonly dispatches: number;
  readonly ms: number;
  /** `ms` over the sum of all dispatches. */
  readonly share: number;
  /** 10⁹ operations and bytes a second; absent if none are counted. */
  readonly gflops?: number;
  readonly gbs?: number;
  /** Share of the speed that the roofline allows for this mix of operations and bytes. */
  readonly ofRoof?: number;
}

const KEYS: Readonly<Record<Grouping, (d: ProfiledDispatch) => string>> = {
  kernel: ({ step }) => `${step.call.op.name}/${step.call.kernel.variant.name}`,
  op: ({ step }) => step.call.op.name,
  layer: ({ layer }) => layer,
  phase: ({ phase }) => phase,
};

/** Adds up a profile's dispatches by group. The longest group comes first, but phases stay in their order. */
export function groupBy({ dispatches, ms: total }: Profile, by: Grouping, peaks?: Peaks): ProfileGroup[] {
  const groups = new Map<string, ProfiledDispatch[]>();
  for (const d of dispatches) {
    const key = KEYS[by](d);
    const group = groups.get(key);
    if (group) group.push(d);
    else groups.set(key, [d]);
  }
  const rows = [...groups].map(([name, list]): ProfileGroup => {
    const sum = (of: 'ms' | 'flops' | 'bytes') => list.reduce((n, d) => n + d[of], 0);
    const ms = sum('ms');
    const gflops = sum('flops') / ms / 1e6;
    const gbs = sum('bytes') / ms / 1e6;
    return {
      name,
      calls: list.filter((d) => d.step.first).length,
      dispatches: list.length,
      ms,
      share: ms / total,
      gflops: gflops || undefined,
      gbs: gbs || undefined,
      ofRoof: peaks && Math.max(gflops / peaks.gflops, gbs / peaks.gbs),
    };
  });
  return by === 'phase' ? rows : rows.sort((a, b) => b.ms - a.ms);
}
