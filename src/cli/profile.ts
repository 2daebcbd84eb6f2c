import { measurePeaks, type Peaks } from '../bench/peaks.js';
import { GROUPINGS, type Grouping, groupBy, type Profile, profilePlan } from '../bench/profile.js';
import { percent, threeDigits } from '../bench/text.js';
import { traceOf } from '../bench/trace.js';
import { table } from '../compiler/plan-text.js';
import { batchArrays, type PosedImage } from '../data/batches.js';
import { toTensor } from '../data/image.js';
import { drawSynthetic } from '../data/synth.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { summarise, type Times } from '../gpu/measure.js';
import { requireTimestamps } from '../gpu/profiler.js';
import type { ModelConfig } from '../model/config.js';
import { feedsFor } from '../model/inputs.js';
import { Generator, Trainer } from '../model/trainer.js';
import { Vgg } from '../model/vgg.js';
import { writeFileAtomic } from '../node/files.js';
import { loadFeatures } from '../node/weights.js';
import { open } from '../node.js';
import { jointFinder, PERSON, type Pose, type Skeleton } from '../pose/skeleton.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { chosenModel, MODEL_HELP, MODEL_OPTIONS } from './selection.js';
import { logger, sayJson, sayLayout } from './terminal.js';
import { noMore, output, text, whole } from './values.js';

const RUNS = { software: 3, gpu: 20 };
const PREPARATIONS = 200;

function groupingOf(values: Values): Grouping {
  const by = text(values, 'by') ?? 'kernel';
  const found = GROUPINGS.find((g) => g === by);
  if (!found) throw new UsageError(`--by must be one of ${GROUPINGS.join(', ')}, got "${by}"`);
  return found;
}

function tracePath(values: Values): string | undefined {
  const path = text(values, 'trace');
  if (path !== undefined && !path.endsWith('.json'))
    throw new UsageError(`--trace must name a .json file, got "${path}"`);
  return output(values, 'trace', 'file');
}

/** Pose number `n` of any skeleton, with joints spread over the picture by a Weyl sequence. */
function spreadPose({ joints }: Skeleton, { height, width }: ModelConfig, n: number): Pose {
  const share = (k: number) => 0.1 + 0.8 * (k % 1);
  return joints.map((_, j) => [width * share(0.618034 * (j + 7 * n)), height * share(0.754878 * (j + 5 * n))]);
}

/** Pairs of pictures of drawn people with all trunk joints, so that parts have a size. Poses of other skeletons are `spreadPose`. */
function drawnPairs(config: ModelConfig, skeleton: Skeleton, count: number): (readonly [PosedImage, PosedImage])[] {
  const { height, width } = config;
  const complete = (pose: Pose) => PERSON.trunk.joints.every((j) => jointFinder(PERSON, pose)(j));
  return Array.from({ length: count }, (_, i) => {
    const pictures: PosedImage[] = [];
    for (let index = 0; pictures.length < 2; index++) {
      const { image, pose } = drawSynthetic({ seed: 0, identity: i + 1, index, height, width });
      if (!complete(pose)) continue;
      const own = skeleton === PERSON ? pose : spreadPose(skeleton, config, 2 * i + index);
      pictures.push({ values: toTensor(image), pose: own });
    }
    return pictures as unknown as readonly [PosedImage, PosedImage];
  });
}

/** The times of `count` runs of `body`, after as many runs for JavaScript's compiler. */
function timed(count: number, body: () => void): Times {
  const samples = Array.from({ length: 2 * count }, () => {
    const begin = performance.now();
    body();
    return performance.now() - begin;
  });
  return summarise(samples.slice(count));
}

interface Result {
  readonly adapter: string;
  readonly peaks: Peaks;
  readonly runs: number;
  readonly profile: Profile;
  /** The times of converting decoded pictures and poses to the arrays of a batch. */
  readonly prepare: Times;
}

/** The time of the host between two submissions in milliseconds. */
function hostMs({ prepare, profile: { host } }: Pick<Result, 'prepare' | 'profile'>): number {
  return [prepare, host.inputs, host.recording, host.readBack].reduce((n, t) => n + t.median, 0);
}

const range = ({ median, q1, q3 }: Times) => `${threeDigits(median)} ms (${threeDigits(q1)} to ${threeDigits(q3)})`;

function groupTable({ profile, peaks }: Result, by: Grouping, top: number): string {
  const groups = groupBy(profile, by, peaks);
  const cell = (n: number | undefined, show = threeDigits) => (n === undefined ? '' : show(n));
  const rows = groups.slice(0, top).map((g) => {
    const counts = [g.name, String(g.calls), String(g.dispatches)];
    return [...counts, cell(g.ms), cell(g.share, percent), cell(g.gflops), cell(g.gbs), cell(g.ofRoof, percent)];
  });
  const sum = (of: 'calls' | 'dispatches') => String(groups.reduce((n, g) => n + g[of], 0));
  const left = groups.slice(top);
  const rest = left.reduce((n, g) => n + g.ms, 0);
  if (left.length) rows.push([`${left.length} more`, '', '', threeDigits(rest), percent(rest / profile.ms)]);
  rows.push(['all', sum('calls'), sum('dispatches'), threeDigits(profile.ms), percent(1)]);
  return table([[by, 'calls', 'dispatches', 'ms', 'share', 'GFLOP/s', 'GB/s', 'of roof'], ...rows]);
}

function report(result: Result, by: Grouping, top: number): string {
  const { profile, peaks, prepare, runs } = result;
  const { host, memory: m } = profile;
  const mib = (n: number) => `${(n / 2 ** 20).toFixed(1)} MiB`;
  return `measured peaks: ${threeDigits(peaks.gflops)} GFLOP/s, ${threeDigits(peaks.gbs)} GB/s

${groupTable(result, by, top)}
${by === 'phase' ? '' : `\n${groupTable(result, 'phase', Number.POSITIVE_INFINITY)}\n`}
Times are medians of ${runs === 1 ? 'one run' : `${runs} runs`} (and quartiles).
  whole iteration        ${range(profile.whole)}
  with timestamps        ${range(profile.profiled)}; its dispatches add up to ${threeDigits(profile.ms)} ms

Host: ${threeDigits(hostMs(result))} ms per iteration between two submissions
  batch                  ${range(prepare)} to convert decoded pictures and poses to arrays
  inputs                 ${range(host.inputs)} to hand arrays to the device
  recording              ${range(host.recording)} to record commands; ${range(host.recordingAtRest)} while the device rests
  read-back              ${range(host.readBack)} to request the losses
  submission             ${range(host.submission)} in addition, in the driver

Memory: the peak is ${mib(m.peak)} = ${m.ratio.toFixed(3)} × (weights ${mib(m.weights)} + gradients ${mib(m.gradients)} + moments ${mib(m.moments)}
  + largest live set ${mib(m.largestLiveSet)}); intermediates take ${mib(m.activations)}, inputs ${mib(m.inputs)}, textures ${mib(m.textures)}`;
}

function document({ profile, ...facts }: Result, by: Grouping, top: number) {
  const { dispatches, ms, profiled, whole: iteration, host, memory } = profile;
  const groups = groupBy(profile, by, facts.peaks).slice(0, top);
  const phases = groupBy(profile, 'phase', facts.peaks);
  const hostTimes = { betweenSubmissions: hostMs({ profile, prepare: facts.prepare }), ...host };
  const body = { ms, dispatches: dispatches.length, whole: iteration, profiled, host: hostTimes, memory };
  return { ...facts, ...body, by, groups, phases };
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const by = groupingOf(values);
  const trace = tracePath(values);
  const top = text(values, 'top') === undefined ? Number.POSITIVE_INFINITY : whole(values, 'top', 1, 1);
  const { config, skeleton, batch } = chosenModel(values);
  const given = text(values, 'runs') === undefined ? undefined : whole(values, 'runs', 1, 1);
  const json = values.json === true;
  const log = logger(json);
  const generate = values.generate === true;
  const features = generate ? undefined : loadFeatures(config, text(values, 'features'));
  if (features?.note) log(features.note);
  const pairs = drawnPairs(config, skeleton, batch);
  const data = batchArrays(config.geometry, skeleton, pairs);
  const prepare = timed(PREPARATIONS, () => batchArrays(config.geometry, skeleton, pairs));
  const engine = await open({ adapter: text(values, 'adapter') });
  try {
    log(
      `adapter: ${engine.adapterName}; kernels are chosen ${engine.tuning ? 'as measured here' : 'by rule'} (pose-gan tune)`,
    );
    requireTimestamps(engine);
    const runs = given ?? (engine.software ? RUNS.software : RUNS.gpu);
    const bar = progress('profiling', 2 * runs + 1, { unit: 'runs' });
    const onRun = (done: number) => bar.update(done);
    const vgg = features?.weights && new Vgg(features.weights);
    const model = generate
      ? await Generator.create(engine, config, batch)
      : await Trainer.create(engine, { config, seed: 0, vgg, batch });
    const { plan } = model;
    const image = plan.outputs.image?.node;
    const phases = 'phases' in model ? model.phases : image ? [{ name: 'generator forward', last: image }] : [];
    const feeds = feedsFor('profile', plan.inputNames, config, [data]);
    const profile = await profilePlan(engine, plan, feeds, { phases, runs, onRun }).finally(() => bar.end());
    plan.destroy();
    const peaks = await measurePeaks(engine);
    const result: Result = { adapter: engine.adapterName, peaks, runs, profile, prepare };
    if (trace) writeFileAtomic(trace, JSON.stringify(traceOf(profile, aboutOf(engine, config, batch, generate))));
    if (json) sayJson(document(result, by, top));
    else sayLayout(report(result, by, top));
    if (trace) log(`trace: ${trace} (open it in chrome://tracing or ui.perfetto.dev)`);
    return 0;
  } finally {
    engine.device.destroy();
  }
}

function aboutOf(engine: Engine, { height, width }: ModelConfig, batch: number, generate: boolean) {
  const what = generate ? 'generator' : 'training iteration';
  return { adapter: engine.adapterName, what: `${what}, batch ${batch}, ${height}×${width}` };
}

export const profile: Command = {
  name: 'profile',
  summary:
    'shows the time of a training iteration kernel by kernel, its host time and memory, and writes a Chrome trace',
  usage: '',
  options: {
    ...MODEL_OPTIONS,
    generate: { type: 'boolean' },
    runs: { type: 'string' },
    by: { type: 'string' },
    top: { type: 'string' },
    trace: { type: 'string' },
  },
  help: {
    ...MODEL_HELP,
    generate: 'profile the generator alone instead of a training iteration',
    runs: `the number of profiled runs, and of runs without timestamps (default: ${RUNS.software}, on a GPU ${RUNS.gpu})`,
    by: `sum the times by ${GROUPINGS.join(', ')} (default: kernel)`,
    top: 'the number of rows to print (default: all)',
    trace: 'write one run to this .json file for chrome://tracing or ui.perfetto.dev',
  },
  examples: [
    'pose-gan profile --preset authors --trace step.json',
    'pose-gan profile --width 0.25 --by layer --top 20',
    'pose-gan profile --generate --batch 1 --json',
  ],
  run,
};
