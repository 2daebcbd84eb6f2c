import type { Image } from '../data/image.js';
import type { Engine } from '../gpu/engine.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { FrozenWeights } from './frozen-weights.js';
import type { Metric } from './metric.js';
import type { PublicNetwork } from './public-network.js';
import type { Scorer } from './scorer.js';

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
}

/** A public network with the metrics that need it. */
export interface NetworkMetrics {
  readonly network: PublicNetwork;
  readonly metrics: readonly Metric[];
  create(engine: Engine, weights: FrozenWeights, context: ScorerContext): Promise<Scorer>;
}

/** All networks that metrics use, in the order of the tables. */
export const NETWORK_METRICS: readonly NetworkMetrics[] = [];

/** The networks that `pose-gan weights` installs for evaluation. */
export const NETWORKS: readonly PublicNetwork[] = NETWORK_METRICS.map(({ network }) => network);
