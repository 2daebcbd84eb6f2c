/**
 * What is compared with the real targets: the generated images, copies of the source images, which any model should surpass, and
 * the real targets themselves, for metrics that rate images without comparing them with the target.
 */
export const SYSTEMS = ['generated', 'copy', 'real'] as const;
export type System = (typeof SYSTEMS)[number];

/** A measure of how good images are. Tables, files and pages are made from such entries alone. */
export interface Metric {
  /** Its name in JSON and CSV files. Figures of the same key are comparable. */
  readonly key: string;
  /** Its name in tables. */
  readonly title: string;
  /** How it is computed, since published figures of the same name differ in this: sizes, constants, weights. */
  readonly convention: string;
  readonly better: 'higher' | 'lower';
  /** Digits after the decimal point in tables. */
  readonly digits: number;
  /** `pair`: every pair has a value, and the figure is their mean. `set`: all images together have one. */
  readonly level: 'pair' | 'set';
  /** The value that any image has in comparison with itself, which is that of the real images. */
  readonly ofItself?: number;
}

/** Values by the metrics' keys; `null` where a metric is not defined, such as a mask's without a pose. */
export type Values = Readonly<Record<string, number | null>>;

/** The values of one pair. Metrics that compare with the target have none for the real image. */
export type PairScores = Readonly<Partial<Record<System, Values>>>;

/** A figure with its uncertainty. */
export interface Estimate {
  readonly value: number;
  /** The ends of the 95 % interval. */
  readonly interval?: readonly [low: number, high: number];
  /** A standard error, or another spread that the metric's convention names. */
  readonly error?: number;
  /** The number of values or images behind it. */
  readonly count: number;
}

/** The figures of one metric; `null` where there is none. */
type Estimates = Readonly<Record<System, Estimate | null>>;

/** A metric with its figures, or with the reason why there are none. */
export interface MetricResult extends Metric, Estimates {
  readonly missing?: string;
}

/** The result of a metric that cannot be computed here. */
export const missingResult = (metric: Metric, missing: string): MetricResult => ({
  ...metric,
  generated: null,
  copy: null,
  real: null,
  missing,
});
