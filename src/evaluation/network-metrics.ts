import { INCEPTION_METRICS } from './inception-scorer.js';
import { LPIPS } from './lpips-scorer.js';
import type { PublicNetwork } from './public-network.js';
import type { NetworkMetrics } from './scorer.js';
import { DETECTION } from './ssd-scorer.js';

/** All networks that metrics use, in the order of the tables. */
export const NETWORK_METRICS: readonly NetworkMetrics[] = [...LPIPS, INCEPTION_METRICS, DETECTION];

/** The networks that `pose-gan weights` installs for evaluation. */
export const NETWORKS: readonly PublicNetwork[] = [...new Set(NETWORK_METRICS.flatMap(({ networks }) => networks))];
