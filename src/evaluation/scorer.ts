import type { Image } from '../data/image.js';
import type { Engine } from '../gpu/engine.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import type { FrozenWeights } from './frozen-weights.js';
import type { InceptionResize } from './inception.js';
import type { InceptionRow } from './inception-figures.js';
import type { Metric, PairScores, System } from './metric.js';
import type { PublicNetwork } from './public-network.js';

/** One pair of an evaluation: three pictures of one size. */
export interface EvaluatedPair {
  /** The file names of source and target. */
  readonly names: readonly [source: string, target: string];
  /** Who is on them; intervals treat the pairs of one identity as one draw. */
  readonly identity: string;
  readonly source: Image;
  readonly target: Image;
  readonly generated: Image;
  /** The pose of the target in pixels, which gives the mask. */
  readonly pose?: Pose;
}

/** The figure of a metric for all images of a system, without an interval. */
interface SetScore {
  readonly value: number;
  readonly error?: number;
  readonly count: number;
}

/** The figures of one metric of level `set`. If it is undefined, as FID is for a single image, `missing` says why. */
type SetResult = Readonly<Partial<Record<System, SetScore>>> & { readonly missing?: string };

/** The figures of the metrics of level `set`, by key. */
export type SetScores = Readonly<Record<string, SetResult>>;

/** What one part of an evaluation knows for the metrics of level `set`, whose figures need the images of all parts. */
export interface SetPart {
  /** In the order of the images. */
  readonly rows: readonly InceptionRow[];
  /** The features of this part's images of the reference, each [images, 2048]. */
  readonly reference: readonly Float32Array[];
  readonly hasReference: boolean;
}

/** Hears of long work at the end of an evaluation: what is done, and how much of it. */
export type OnFinishing = (what: string, done: number, total: number) => void;

/** Computes some metrics of all pairs, which it gets in their order, in batches. */
export interface Scorer {
  readonly metrics: readonly Metric[];
  /** The values of the metrics of level `pair`, for each pair. It may be called again before it has resolved. */
  score(pairs: readonly EvaluatedPair[]): Promise<readonly PairScores[]>;
  /** The figures of the metrics of level `set`, after all pairs were scored. */
  finish(onFinishing?: OnFinishing): Promise<SetScores>;
  /** In place of `finish`, what a part of an evaluation (`ScorerContext.isPart`) has computed for the metrics of level `set`, if there are any. */
  rows?(onFinishing?: OnFinishing): Promise<SetPart>;
  close(): Promise<void>;
}

/** The images with which FID compares. */
export interface Reference {
  /** Which images these are, in words. */
  readonly title: string;
  readonly count: number;
  images(): AsyncIterable<readonly Image[]>;
}

/** What a scorer may need besides its weights. */
export interface ScorerContext {
  /** The skeleton of the pairs' poses; without it there is no mask. */
  readonly skeleton?: Skeleton;
  /** Default: the real targets. */
  readonly reference?: Reference;
  /** Where the pixels of the generated images come from, for conventions: `PNG files`, or `memory` if they were never in a file. */
  readonly format: string;
  /** The names of the files from which the networks' weights were installed. */
  readonly weightsFiles: readonly string[];
  /** How images are resized for FID. Default: as for the other scores. */
  readonly fidResize?: InceptionResize;
  /** Whether the pairs are one part of an evaluation, which is joined with others. */
  readonly isPart?: boolean;
  /** The number of pairs in every call of `score` but the last, so that a network can run all calls alike. */
  readonly batch?: number;
}

/** Metrics with the public networks that they need, all of them. */
export interface NetworkMetrics {
  readonly networks: readonly PublicNetwork[];
  readonly metrics: readonly Metric[];
  /** `weights` are those of `networks`, in their order. */
  create(engine: Engine, weights: readonly FrozenWeights[], context: ScorerContext): Promise<Scorer>;
}
