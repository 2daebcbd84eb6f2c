import { hstack } from '../data/image.js';
import type { RankedPair, Ranking } from '../evaluation/extremes.js';
import type { Extremes, PairPicture } from '../evaluation/page.js';
import { encodePng } from './images.js';

/** Small pictures are shown larger, so that the three panels together are at least this wide. */
const LEAST_WIDTH = 384;

function picture({ pair, value }: RankedPair): PairPicture {
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

/** The pictures of the best and the worst pairs, for a page. */
export function pairPictures({ metric, best, worst }: Ranking): Extremes {
  return { title: metric.title, digits: metric.digits, best: best.map(picture), worst: worst.map(picture) };
}
