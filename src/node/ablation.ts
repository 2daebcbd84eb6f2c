import { join, relative } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { fieldsOf } from '../data/json.js';
import type { VariantEvaluation } from '../evaluation/ablation.js';
import { type EvaluationFacts, evaluationDocument, parseEvaluation, timesSince } from '../evaluation/document.js';
import type { Metric } from '../evaluation/metric.js';
import { protocolOf } from '../evaluation/protocol.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import type { Ablation, ConfigOptions, ModelConfig } from '../model/config.js';
import { generatorParameters } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { listCheckpoints, loadCheckpoint } from './checkpoint-files.js';
import { filesDigest } from './digest.js';
import { evaluate } from './evaluate.js';
import { copyFolder, isThere, readJson, writeFileAtomic } from './files.js';
import { generatedPairs } from './pair-source.js';
import { trainRun } from './run.js';
import type { Scorers } from './scorers.js';
import type { LoadedFeatures } from './weights.js';

/** One training of an ablation. */
export interface AblationRun {
  readonly variant: Ablation;
  readonly seed: number;
  readonly folder: string;
}

/** All trainings of an ablation in their order: one variant after the other for each seed, so that a first comparison comes early. */
export function ablationRuns(folder: string, variants: readonly Ablation[], seeds: number): AblationRun[] {
  return Array.from({ length: seeds }, (_, seed) =>
    variants.map((variant) => ({ variant, seed, folder: join(folder, 'runs', `${variant}-seed${seed}`) })),
  ).flat();
}

/** The evaluation of a run, written when it is complete. */
const evaluationPath = (run: AblationRun) => join(run.folder, 'evaluation.json');

export const isEvaluated = (run: AblationRun) => isThere(evaluationPath(run));

/** How many iterations of all runs are done. A run that is trained but not evaluated counts as trained. */
export const iterationsDone = (runs: readonly AblationRun[], iterations: number): number =>
  runs.reduce((n, { folder }) => n + Math.min(iterations, listCheckpoints(folder).at(-1)?.step ?? 0), 0);

/**
 * Copies the runs that are missing in an ablation's folder from the folders of its parts, so that doing it again changes nothing. Throws
 * `UsageError`, before anything is copied, if a run is complete in no folder, or in two that are no copies of each other.
 */
export function collectRuns(runs: readonly AblationRun[], folder: string, parts: readonly string[]): void {
  const sources = runs.map((run) => {
    const name = relative(folder, run.folder);
    const found = [folder, ...parts].filter((part) => isEvaluated({ ...run, folder: join(part, name) }));
    const [part, ...others] = found;
    if (part === undefined) throw new UsageError(`no part holds a complete ${name}; finish it with --resume`);
    // An evaluation holds its date and its times, so that equal bytes are a copy and not a second training.
    const digest = (of: string) => filesDigest([evaluationPath({ ...run, folder: join(of, name) })]);
    const other = others.find((second) => digest(part) !== digest(second));
    if (other !== undefined)
      throw new UsageError(`${part} and ${other} both hold a complete ${name}, and they differ; leave one out`);
    return { from: join(part, name), to: run.folder };
  });
  for (const { from, to } of sources) if (from !== to) copyFolder(from, to);
}

/** The evaluation of a run as the tables need it. Throws `UsageError` if the file is damaged. */
export function readEvaluation(run: AblationRun): VariantEvaluation {
  const { variant, seed } = run;
  const file = evaluationPath(run);
  const json = readJson(file, 'evaluation');
  const { scores, metrics } = parseEvaluation(json, file);
  // What is not checked above describes the metrics and is only printed.
  const described = (fieldsOf(json, file).metrics as Metric[]).map((m, i) => ({
    ...m,
    value: metrics[i]?.value ?? null,
  }));
  return { variant, seed, metrics: described, scores };
}

export interface AblationWork {
  readonly runs: readonly AblationRun[];
  readonly train: Dataset;
  /** The pairs on which every variant is evaluated. */
  readonly test: Dataset;
  readonly iterations: number;
  readonly batch: number | undefined;
  readonly saveEvery: number;
  readonly recipeOf: (variant: Ablation) => ConfigOptions;
  readonly configOf: (variant: Ablation) => ModelConfig;
  readonly featuresOf: (config: ModelConfig) => LoadedFeatures;
  readonly open: () => Promise<Engine>;
  readonly scorers: () => Scorers;
  readonly workers?: number;
  readonly signal?: AbortSignal;
  /** Receives the number of iterations of all runs that are done, and what is being done. */
  readonly onProgress?: (done: number, what: string) => void;
  readonly onNote?: (text: string) => void;
}

/** Trains and evaluates the runs that are not complete, in order. Resolves to whether all of them are. */
export async function runAblation(work: AblationWork): Promise<boolean> {
  const { runs, iterations, signal, onProgress } = work;
  for (const run of runs) {
    if (signal?.aborted) return false;
    const others = iterationsDone(
      runs.filter((r) => r !== run),
      iterations,
    );
    const name = `${run.variant}, seed ${run.seed}`;
    const report = (step: number, what = name) => onProgress?.(others + step, what);
    if (!isEvaluated(run)) {
      if (!(await trained(work, run, report))) return false;
      const complete = await evaluateRun(work, run, (done, total) =>
        report(iterations, `${name}: evaluating ${done}/${total}`),
      );
      if (!complete) return false;
    }
    report(iterations);
  }
  return true;
}

/** Trains a run up to its last iteration. Resolves to whether it is complete. */
async function trained(work: AblationWork, run: AblationRun, report: (step: number) => void): Promise<boolean> {
  const { iterations, train, test, open, signal, saveEvery, workers, onNote } = work;
  const { variant, seed, folder } = run;
  const last = listCheckpoints(folder).at(-1)?.step ?? 0;
  report(last);
  if (last > iterations)
    throw new UsageError(
      `${folder} was trained for ${last} iterations, but the ablation's budget is ${iterations}; use another --out`,
    );
  if (last === iterations) return true;
  const config = work.configOf(variant);
  const { step } = await trainRun({
    ...{ folder, train, test, config, seed, iterations, open, saveEvery },
    ...{ recipe: work.recipeOf(variant), batch: work.batch ?? config.batch, features: work.featuresOf(config) },
    ...{ logEvery: 10, sampleEvery: saveEvery, keep: 1, resume: last > 0 },
    ...(signal && { signal }),
    ...(workers && { workers }),
    ...(onNote && { onNote: (text: string) => onNote(`${variant}, seed ${seed}: ${text}`) }),
    onStep: (row) => report(row.step),
  });
  return step === iterations;
}

/** The end of an evaluation on request; what it had computed is discarded. */
class Stopped extends Error {}

async function evaluateRun(
  { test, open, scorers, workers, signal }: AblationWork,
  run: AblationRun,
  onProgress: (done: number, total: number) => void,
): Promise<boolean> {
  const started = performance.now();
  const checkpoint = loadCheckpoint(run.folder);
  const { config, step, recipe, features } = checkpoint.info;
  const engine = await open();
  try {
    const set = generatorParameters(checkpoint);
    const model = await Generator.create(engine, config, config.batch, { set, seed: 0 });
    const found = scorers();
    const protocol = protocolOf(undefined, config.height, config.width);
    const result = await evaluate(
      generatedPairs(model, test, { ...(workers && { workers }) }),
      await found.open(engine),
      {
        protocol,
        onProgress: (done, total) => {
          if (signal?.aborted) throw new Stopped();
          onProgress(done, total);
        },
      },
    );
    const facts: EvaluationFacts = {
      title: `${run.variant}, seed ${run.seed}, step ${step.toLocaleString('en')}`,
      source: { ...Object.fromEntries(Object.entries(recipe).filter(([, v]) => v !== undefined)), features, step },
      size: [config.height, config.width],
      ...{ protocol: protocol.title, missing: found.missing, notes: [] },
    };
    const document = evaluationDocument(facts, result, timesSince(started));
    writeFileAtomic(evaluationPath(run), `${JSON.stringify(document, null, 2)}\n`);
    return true;
  } catch (error) {
    if (error instanceof Stopped) return false;
    throw error;
  } finally {
    engine.device.destroy();
  }
}
