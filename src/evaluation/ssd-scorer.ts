import { masked, poseMask } from '../metrics/mask.js';
import { present } from '../present.js';
import type { Metric, System } from './metric.js';
import { keyOf, ScoreCache } from './score-cache.js';
import type { EvaluatedPair, NetworkMetrics, Scorer, ScorerContext } from './scorer.js';
import { SSD300 } from './ssd.js';
import { Ssd300 } from './ssd300.js';

const HOW =
  'the largest confidence of a person among the detections of SSD300-VGG16 trained on Pascal VOC 2007 and 2012, a mean over images; ' +
  'images are resized to 300×300 (bilinear)';
const DS: Metric = {
  ...{ key: 'ds', title: 'DS', better: 'higher', digits: 3, level: 'pair' },
  convention: HOW,
};
const MASK_DS: Metric = {
  ...{ key: 'maskDs', title: 'mask-DS', better: 'higher', digits: 3, level: 'pair' },
  convention: `DS of images that are black outside the mask of the target pose: ${HOW}`,
};
const METRICS = [DS, MASK_DS];

type Names = EvaluatedPair['names'];

/** The names by which the cache knows masked images: a masked source depends on the target's pose as well. No file has such a name. */
const maskedNames = (names: Names): Names => {
  const [source, real] = [keyOf(names, 0), keyOf(names, 1)];
  return [`masked source\n${source}\n${real}`, `masked target\n${real}`];
};

/** The metrics whose values of real images are kept by name, with the names that the images of a pair have. */
export const RATED_ONCE: readonly { readonly key: string; readonly names: (names: Names) => Names }[] = [
  { key: DS.key, names: (names) => [keyOf(names, 0), keyOf(names, 1)] },
  { key: MASK_DS.key, names: maskedNames },
];

/** Images that run at once: the largest tensor has 23 MB an image, and every device binds 128 MiB. */
const BATCH = 4;

/** The pair with all images black outside the mask of the target pose, or `undefined` if the target has no pose. */
function maskedPair(pair: EvaluatedPair, skeleton: ScorerContext['skeleton']): EvaluatedPair | undefined {
  const { pose, target, names } = pair;
  if (!skeleton || !pose?.some((joint) => joint !== null)) return undefined;
  const mask = poseMask(skeleton, pose, target.height, target.width);
  return {
    ...pair,
    names: maskedNames(names),
    source: masked(pair.source, mask),
    target: masked(target, mask),
    generated: masked(pair.generated, mask),
  };
}

/** Rates images by a network that finds people: as they are, and black outside the mask of the target pose. */
export function detectionScorer(
  model: Pick<Ssd300, 'personScores' | 'destroy'>,
  { skeleton }: Pick<ScorerContext, 'skeleton'>,
): Scorer {
  const cache = new ScoreCache((images) => model.personScores(images));
  return {
    metrics: METRICS,
    score: async (pairs) => {
      const cuts = pairs.map((pair) => maskedPair(pair, skeleton));
      const scores = await cache.score([...pairs, ...cuts.filter((cut) => cut !== undefined)]);
      let next = pairs.length;
      return cuts.map((cut, i) => {
        const [ds, maskDs] = [present(scores[i]), cut && scores[next++]];
        const of = (system: System) => ({ ds: ds[system], maskDs: maskDs?.[system] ?? null });
        return { generated: of('generated'), copy: of('copy'), real: of('real') };
      });
    },
    finish: async () => ({}),
    close: async () => model.destroy(),
  };
}

/** DS and mask-DS with SSD300. */
export const DETECTION: NetworkMetrics = {
  networks: [SSD300],
  metrics: METRICS,
  create: async (engine, [weights], context) =>
    detectionScorer(await Ssd300.create(engine, present(weights), BATCH), context),
};
