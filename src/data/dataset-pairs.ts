import type { UsageError } from '../gpu/errors.js';
import type { Pose } from '../pose/skeleton.js';
import type { DataSource, DatasetOptions, PairSelection } from './dataset.js';
import { identityByName } from './identity.js';
import { permute } from './order.js';
import { allPairs, groupByIdentity, type Pair, parsePairs, summarise } from './pairs.js';

/** The pairs of the dataset's file with its row numbers in `rows`, or all pairs that the annotations give. */
export async function loadPairs(
  source: DataSource,
  options: DatasetOptions,
  file: string,
  poses: ReadonlyMap<string, Pose>,
  warnings: string[],
  onBad: (error: UsageError) => void,
): Promise<{ pairs: readonly Pair[]; rows?: number[] }> {
  const { skeleton, identity = identityByName, select } = options;
  if (select?.pairs) return { pairs: select.pairs };
  if (select?.file || source.exists(file))
    return limited(parsePairs(await source.readText(file, 'pairs table'), file, onBad), select);
  warnings.push(...summarise(poses, skeleton, identity).warnings);
  return limited({ pairs: allPairs(groupByIdentity(poses, skeleton, identity)) }, select);
}

function limited(all: { pairs: Pair[]; rows?: number[] }, { limit, seed }: PairSelection = {}): typeof all {
  const count = all.pairs.length;
  if (limit === undefined || limit >= count) return all;
  const chosen = Array.from({ length: limit }, (_, i) => (seed === undefined ? i : permute(i, count, seed)));
  return {
    pairs: chosen.map((i) => all.pairs[i] as Pair),
    rows: all.rows && chosen.map((i) => all.rows?.[i] as number),
  };
}
