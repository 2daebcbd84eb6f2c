import { describe, type Fields, fieldsOf, isObject } from '../data/json.js';
import { UsageError } from '../gpu/errors.js';
import { VERSION } from '../version.js';
import type { MetricResult, Values } from './metric.js';

export const FORMAT = 'webgpu-pose-gan evaluation';

/** The scores of one pair: of the generated image, of the copied source, and of the real target where a metric rates it alone. */
export interface ScoredPair {
  readonly source: string;
  readonly target: string;
  readonly identity: string;
  readonly generated: Values;
  readonly copy: Values;
  readonly real?: Values;
}

/** How long one image takes, and how large the model is. */
export interface Cost {
  /** Milliseconds an image: the median over batches after a warm-up, from data in memory to pixels in memory. */
  readonly msPerImage: number;
  readonly batch: number;
  /** The number of timed batches. */
  readonly samples: number;
  readonly adapter: string;
  /** The number of the generator's parameters. */
  readonly parameters: number;
  /** Their size in 10⁶ bytes as 32-bit floats. */
  readonly megabytes: number;
}

/** When, how long and where a part of an evaluation was computed. */
export interface EvaluationPartTimes {
  /** As in `2/8`. */
  readonly part: string;
  readonly pairs: number;
  readonly date: string;
  readonly seconds: number;
  readonly cost?: Cost;
}

/** An evaluation as it is written to a file and read again for a comparison. */
export interface EvaluationDocument {
  readonly format: typeof FORMAT;
  readonly library: string;
  readonly date: string;
  /** What was evaluated: a model with its dataset, or a folder of pictures. */
  readonly title: string;
  /** Facts about it by name, such as the checkpoint, its step, and the layout of triptychs. */
  readonly source: Readonly<Record<string, string | number | boolean | null>>;
  /** Height and width of the compared images. */
  readonly size: readonly [height: number, width: number];
  readonly protocol: string;
  readonly pairs: number;
  readonly identities: number;
  /** How intervals were computed, in a sentence. */
  readonly intervals: string;
  readonly metrics: readonly MetricResult[];
  /** Of how many pairs the generated image is better than the copied source, by the metrics' keys. */
  readonly better: Readonly<Record<string, number | null>>;
  readonly cost?: Cost;
  readonly notes: readonly string[];
  /** How long it was computed; the sum over all parts, if it was computed in parts. */
  readonly seconds: number;
  /** The parts in which it was computed, if it was. */
  readonly parts?: readonly EvaluationPartTimes[];
  readonly scores: readonly ScoredPair[];
}

/** The figures of an evaluation with the scores of every pair behind them. */
export type Evaluation = Pick<
  EvaluationDocument,
  'pairs' | 'identities' | 'metrics' | 'better' | 'intervals' | 'scores'
>;

/** What an evaluation says of itself besides its figures. */
export interface EvaluationFacts extends Pick<EvaluationDocument, 'title' | 'source' | 'size' | 'protocol' | 'notes'> {
  readonly cost?: Cost;
  /** The metrics that cannot be computed here, with the reason. */
  readonly missing: readonly MetricResult[];
}

/** When and how long an evaluation was computed, and in which parts. */
export type EvaluationTimes = Pick<EvaluationDocument, 'date' | 'seconds' | 'parts'>;

/** The times of an evaluation that began when `performance.now()` was `started` and has just ended. */
export const timesSince = (started: number): EvaluationTimes => ({
  date: new Date().toISOString(),
  seconds: (performance.now() - started) / 1000,
});

/** The document of an evaluation. Two evaluations of the same images differ in `cost` and `times` alone. */
export function evaluationDocument(
  { title, source, size, protocol, notes, cost, missing }: EvaluationFacts,
  { pairs, identities, intervals, metrics, better, scores }: Evaluation,
  { date, seconds, parts }: EvaluationTimes,
): EvaluationDocument {
  return {
    ...{ format: FORMAT, library: VERSION, date, title, source, size, protocol, pairs, identities, intervals },
    ...{ metrics: [...metrics, ...missing], better },
    ...(cost && { cost }),
    ...{ notes, seconds },
    ...(parts && { parts }),
    scores,
  };
}

/** Parses the values of a system. Throws `UsageError` if one is neither a number nor null. */
function valuesAt(value: unknown, where: string): Values {
  const fields = fieldsOf(value, where);
  for (const [key, v] of Object.entries(fields))
    if (v !== null && typeof v !== 'number')
      throw new UsageError(`${where}.${key} must be a number or null, found ${describe(v)}`);
  return fields as Values;
}

function textAt(fields: Fields, name: string, where: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new UsageError(`${where}.${name} must be a text, found ${describe(value)}`);
  return value;
}

/** What a comparison needs of an older evaluation. */
export interface OlderEvaluation {
  readonly title: string;
  readonly date: string;
  readonly size: readonly [height: number, width: number];
  readonly metrics: readonly {
    readonly key: string;
    readonly convention: string;
    readonly value: number | null;
  }[];
  readonly scores: readonly ScoredPair[];
}

/** Checks an evaluation that was read from a JSON file. Throws `UsageError` that names the file and the wrong field. */
export function parseEvaluation(json: unknown, file: string): OlderEvaluation {
  if (!isObject(json) || json.format !== FORMAT)
    throw new UsageError(
      `${file} is not an evaluation: its "format" is ${describe(isObject(json) ? json.format : json)}, not "${FORMAT}". ` +
        'Fix: pose-gan evaluate … --out FILE.json writes one',
    );
  const size = json.size;
  const sides = Array.isArray(size) ? size : [];
  if (sides.length !== 2 || sides.some((n) => !Number.isSafeInteger(n) || n < 1))
    throw new UsageError(`${file}: size must be [height, width], found ${describe(size)}`);
  const list = (name: string) => {
    const value = json[name];
    if (!Array.isArray(value)) throw new UsageError(`${file}: ${name} must be a list, found ${describe(value)}`);
    return value as unknown[];
  };
  const metrics = list('metrics').map((m, i) => {
    const where = `${file}: metrics[${i}]`;
    const fields = fieldsOf(m, where);
    const generated = fields.generated === null ? undefined : fieldsOf(fields.generated, `${where}.generated`);
    const value = generated?.value ?? null;
    if (value !== null && typeof value !== 'number')
      throw new UsageError(`${where}.generated.value must be a number, found ${describe(value)}`);
    return { key: textAt(fields, 'key', where), convention: textAt(fields, 'convention', where), value };
  });
  const scores = list('scores').map((s, i): ScoredPair => {
    const where = `${file}: scores[${i}]`;
    const fields = fieldsOf(s, where);
    return {
      source: textAt(fields, 'source', where),
      target: textAt(fields, 'target', where),
      identity: textAt(fields, 'identity', where),
      generated: valuesAt(fields.generated, `${where}.generated`),
      copy: valuesAt(fields.copy, `${where}.copy`),
    };
  });
  return {
    title: textAt(json, 'title', file),
    date: textAt(json, 'date', file),
    size: sides as unknown as [number, number],
    metrics,
    scores,
  };
}
