import { type MetricResult, missingResult } from '../evaluation/metric.js';
import { NETWORK_METRICS } from '../evaluation/network-metrics.js';
import { howToInstall } from '../evaluation/public-network.js';
import type { Scorer, ScorerContext } from '../evaluation/scorer.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { findNetwork } from './public-weights.js';
import { similarityScorer } from './similarity-scorer.js';

export interface ScorersOptions extends Omit<ScorerContext, 'weightsFile'> {
  /** The folder of installed weights. */
  readonly weights?: string;
  /** The keys of networks that are left out although they may be installed. */
  readonly without?: readonly string[];
  /** The number of threads of the metrics without a network. */
  readonly workers?: number;
}

/** What an evaluation computes with, and what it cannot compute. */
export interface Scorers {
  /** Whether a network needs an engine. */
  readonly needsEngine: boolean;
  /** Opens the scorers. They are closed by `evaluate`. */
  open(engine: Engine | undefined): Promise<Scorer[]>;
  readonly missing: readonly MetricResult[];
}

/** Finds the networks whose weights are installed. Throws `UsageError` for damaged weights and for unknown words in `without`. */
export function findScorers({ weights, without = [], workers, ...context }: ScorersOptions): Scorers {
  const known = NETWORK_METRICS.map(({ network }) => network.key);
  const odd = without.find((key) => !known.includes(key));
  if (odd !== undefined)
    throw new UsageError(`--without ${odd}: there is no such network; known are ${known.join(', ')}`);
  const missing: MetricResult[] = [];
  const found = NETWORK_METRICS.flatMap((entry) => {
    const { network, metrics } = entry;
    const installed = without.includes(network.key) ? undefined : findNetwork(network, weights);
    if (installed) return [{ entry, installed }];
    const reason = without.includes(network.key) ? 'It was left out by --without.' : `${howToInstall(network)}.`;
    missing.push(...metrics.map((metric) => missingResult(metric, reason)));
    return [];
  });
  return {
    needsEngine: found.length > 0,
    missing,
    open: async (engine) => {
      const scorers = [similarityScorer({ ...context, ...(workers && { workers }) })];
      try {
        for (const { entry, installed } of engine ? found : [])
          scorers.push(
            await entry.create(engine as Engine, installed.load(), { ...context, weightsFile: installed.source }),
          );
        return scorers;
      } catch (error) {
        await Promise.all(scorers.map((s) => s.close()));
        throw error;
      }
    },
  };
}
