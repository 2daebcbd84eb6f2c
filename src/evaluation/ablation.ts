import { UsageError } from '../gpu/errors.js';
import { Bootstrap } from './bootstrap.js';
import type { ScoredPair } from './document.js';
import type { Estimate, Metric, System } from './metric.js';
import { meanOf, valuesOf } from './summary.js';

/** The evaluation of one trained variant, reduced to what the tables need. */
export interface VariantEvaluation {
  readonly variant: string;
  readonly seed: number;
  readonly metrics: readonly (Metric & { readonly value: number | null })[];
  readonly scores: readonly ScoredPair[];
}

/** A figure of one variant: the mean over seeds, and each seed's own. */
export interface VariantFigure {
  readonly estimate: Estimate | null;
  /** The figures of the seeds, in their order. */
  readonly seeds: readonly (number | null)[];
}

/** The figures of one variant by the metrics' keys. */
interface VariantRow {
  readonly name: string;
  readonly figures: Readonly<Record<string, VariantFigure>>;
}

/** A statement of the paper's ablation: the first variant is better than the second. */
interface Claim {
  readonly first: string;
  readonly second: string;
}

/** The paired difference (first − second) of one metric. */
export interface Contrast extends Claim {
  readonly key: string;
  readonly difference: Estimate;
  /** The differences of the seeds, in their order. */
  readonly seeds: readonly number[];
  /** `better` or `worse` when the interval excludes 0 and every seed agrees; else `undecided`. */
  readonly verdict: 'better' | 'worse' | 'undecided';
}

export interface AblationResult {
  readonly pairs: number;
  readonly identities: number;
  readonly seeds: readonly number[];
  readonly metrics: readonly Metric[];
  readonly rows: readonly VariantRow[];
  readonly contrasts: readonly Contrast[];
}

/** What the paper’s Section 4.3 says, as far as the variants were trained. */
const CLAIMS: readonly Claim[] = [
  { first: 'full', second: 'dsc' },
  { first: 'full', second: 'perc' },
  { first: 'dsc', second: 'baseline' },
  { first: 'full', second: 'baseline' },
  { first: 'full', second: 'mean' },
  { first: 'full', second: 'dropout' },
];

/**
 * The tables of an ablation from the evaluations of all variants and seeds on the same pairs. A variant's score of a pair is the mean
 * over its seeds; the figure is the mean of these over the pairs, and its interval comes from resampling identities, so it does not
 * contain the variation between seeds, which is shown beside it. Throws `UsageError` if evaluations are missing or of other pairs.
 */
export function summariseAblation(evaluations: readonly VariantEvaluation[]): AblationResult {
  const [first] = evaluations;
  if (!first) throw new UsageError('an ablation needs at least one evaluation');
  const names = [...new Set(evaluations.map((e) => e.variant))];
  const seeds = [...new Set(evaluations.map((e) => e.seed))].sort((a, b) => a - b);
  const byVariant = new Map(names.map((name) => [name, seeds.map((seed) => only(evaluations, name, seed))]));
  for (const e of evaluations) expectSamePairs(e, first);
  const bootstrap = new Bootstrap(first.scores.map((pair) => pair.identity));
  const metrics = first.metrics.map(({ value: _, ...metric }): Metric => metric);
  const pairs = metrics.filter((m) => m.level === 'pair');

  const row = (name: string, list: readonly VariantEvaluation[], system: System): VariantRow => ({
    name,
    figures: Object.fromEntries(metrics.map((m) => [m.key, figure(m, list, system, bootstrap)])),
  });
  const rows = names.map((name) => row(name, byVariant.get(name) ?? [], 'generated'));
  const contrasts = CLAIMS.flatMap((claim) => {
    const [a, b] = [byVariant.get(claim.first), byVariant.get(claim.second)];
    return a && b ? pairs.flatMap((m) => contrast(claim, m, a, b, bootstrap) ?? []) : [];
  });
  return {
    pairs: first.scores.length,
    identities: bootstrap.groups,
    seeds,
    metrics,
    rows: [row('copy of the source', [first], 'copy'), ...rows],
    contrasts,
  };
}

function only(evaluations: readonly VariantEvaluation[], variant: string, seed: number): VariantEvaluation {
  const found = evaluations.filter((e) => e.variant === variant && e.seed === seed);
  if (found.length !== 1)
    throw new UsageError(`the ablation has ${found.length} evaluations of ${variant} with seed ${seed}, not one`);
  return found[0] as VariantEvaluation;
}

const nameOf = ({ source, target }: ScoredPair) => `${source} → ${target}`;

function expectSamePairs(e: VariantEvaluation, first: VariantEvaluation): void {
  const same =
    e.scores.length === first.scores.length &&
    e.scores.every((p, i) => nameOf(p) === nameOf(first.scores[i] as ScoredPair));
  if (!same)
    throw new UsageError(
      `${e.variant} with seed ${e.seed} was evaluated on other pairs than ${first.variant} with seed ${first.seed}`,
    );
}

/** The mean of the known values of a list, or `null` if there is none. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((v) => v !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
}

/** For every pair, the mean of its values over lists of the same pairs; `null` where one has none. */
function acrossSeeds(lists: readonly (readonly (number | null)[])[]): (number | null)[] {
  return (lists[0] ?? []).map((_, i) => {
    const values = lists.map((list) => list[i] ?? null);
    return values.includes(null) ? null : mean(values);
  });
}

function figure(
  metric: Metric,
  list: readonly VariantEvaluation[],
  system: System,
  bootstrap: Bootstrap,
): VariantFigure {
  if (metric.level === 'set') {
    if (system !== 'generated') return { estimate: null, seeds: [] };
    const seeds = list.map((e) => e.metrics.find((m) => m.key === metric.key)?.value ?? null);
    const value = mean(seeds);
    return { estimate: value === null ? null : { value, count: seeds.length }, seeds };
  }
  const values = list.map((e) => valuesOf(e.scores, system, metric.key));
  return { estimate: meanOf(acrossSeeds(values), bootstrap), seeds: values.map(mean) };
}

function contrast(
  claim: Claim,
  metric: Metric,
  a: readonly VariantEvaluation[],
  b: readonly VariantEvaluation[],
  bootstrap: Bootstrap,
): Contrast | undefined {
  const lists = a.map((e, s) => {
    const [x, y] = [e, b[s] as VariantEvaluation].map((v) => valuesOf(v.scores, 'generated', metric.key));
    return (x ?? []).map((v, i) => {
      const w = y?.[i] ?? null;
      return v === null || w === null ? null : v - w;
    });
  });
  const difference = meanOf(acrossSeeds(lists), bootstrap);
  const seeds = lists.map(mean).filter((v) => v !== null);
  if (!difference) return undefined;
  return { ...claim, key: metric.key, difference, seeds, verdict: verdictOf(difference, seeds, metric) };
}

function verdictOf({ interval }: Estimate, seeds: readonly number[], { better }: Metric): Contrast['verdict'] {
  if (!interval) return 'undecided';
  const signs = [...interval, ...seeds].map(Math.sign);
  if (signs.some((s) => s === 0 || s !== signs[0])) return 'undecided';
  return (signs[0] === 1) === (better === 'higher') ? 'better' : 'worse';
}
