import type { FrozenWeights } from '../evaluation/frozen-weights.js';
import { type MetricResult, missingResult } from '../evaluation/metric.js';
import { NETWORK_METRICS, NETWORKS } from '../evaluation/network-metrics.js';
import { howToInstall, type PublicNetwork } from '../evaluation/public-network.js';
import type { Scorer, ScorerContext } from '../evaluation/scorer.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { present } from '../present.js';
import { type FoundNetwork, findNetwork } from './public-weights.js';
import { similarityScorer } from './similarity-scorer.js';

export interface ScorersOptions extends Omit<ScorerContext, 'weightsFiles'> {
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
  const known = NETWORKS.map(({ key }) => key);
  const odd = without.find((key) => !known.includes(key));
  if (odd !== undefined)
    throw new UsageError(`--without ${odd}: there is no such network; known are ${known.join(', ')}`);
  const installed = new Map<PublicNetwork, FoundNetwork>();
  for (const network of NETWORKS) {
    const found = without.includes(network.key) ? undefined : findNetwork(network, weights);
    if (found) installed.set(network, found);
  }
  const usable = NETWORK_METRICS.filter(({ networks }) => networks.every((n) => installed.has(n)));
  const missing = NETWORK_METRICS.filter((entry) => !usable.includes(entry)).flatMap(({ networks, metrics }) => {
    const left = networks.filter((n) => without.includes(n.key));
    const absent = networks.filter((n) => !installed.has(n) && !left.includes(n));
    const reason = left.length
      ? `${left.map(({ key }) => key).join(', ')}: left out by --without.`
      : absent.map((n) => `${howToInstall(n)}.`).join(' ');
    return metrics.map((metric) => missingResult(metric, reason));
  });
  return {
    needsEngine: usable.length > 0,
    missing,
    open: async (engine) => {
      const scorers = [similarityScorer({ ...context, ...(workers && { workers }) })];
      // A network that several metrics need is loaded once.
      const loaded = new Map<PublicNetwork, FrozenWeights>();
      const load = (network: PublicNetwork) => {
        const set = loaded.get(network) ?? present(installed.get(network)).load();
        loaded.set(network, set);
        return set;
      };
      try {
        for (const { networks, create } of engine ? usable : []) {
          const weightsFiles = networks.map((n) => present(installed.get(n)).source);
          scorers.push(await create(present(engine), networks.map(load), { ...context, weightsFiles }));
        }
        return scorers;
      } catch (error) {
        await Promise.all(scorers.map((s) => s.close()));
        throw error;
      }
    },
  };
}
