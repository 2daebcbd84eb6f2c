import { hstack } from '../data/image.js';
import { type Ranked, Ranking } from '../evaluation/extremes.js';
import type { Metric } from '../evaluation/metric.js';
import type { Extremes, PairPicture } from '../evaluation/page.js';
import type { EvaluatedPair } from '../evaluation/scorer.js';
import { SIMILARITY } from '../evaluation/similarity.js';
import { encodePng } from './images.js';

/** Small pictures are shown larger, so that the three panels together are at least this wide. */
const LEAST_WIDTH = 384;

/** The pairs that a page shows are the best and the worst by this metric. */
const RANKED = SIMILARITY.find(({ key }) => key === 'ssim') as Metric;
const SHOWN = 8;

/** Keeps the pairs that a page shows. */
export const newRanking = <T>() => new Ranking<T>(RANKED, SHOWN);

/** The picture of one pair, for a page. */
export function pairPicture({ pair, value }: Ranked<EvaluatedPair>): PairPicture {
  const sheet = hstack([pair.source, pair.target, pair.generated]);
  const factor = Math.max(1, Math.floor(LEAST_WIDTH / sheet.width));
  return {
    names: pair.names,
    value,
    src: `data:image/png;base64,${Buffer.from(encodePng(sheet)).toString('base64')}`,
    width: factor * sheet.width,
    height: factor * sheet.height,
  };
}

/** The best and the worst pairs for a page, from pictures that are drawn already or by `picture`. */
export function extremes<T>(
  { metric, best, worst }: Ranking<T>,
  picture: (ranked: Ranked<T>) => PairPicture,
): Extremes {
  return { title: metric.title, digits: metric.digits, best: best.map(picture), worst: worst.map(picture) };
}
