import { present } from '../present.js';
import type { Metric } from './metric.js';
import { ScoreCache } from './score-cache.js';
import type { NetworkMetrics, Scorer } from './scorer.js';
import { SSD300 } from './ssd.js';
import { Ssd300 } from './ssd300.js';

const DS: Metric = {
  ...{ key: 'ds', title: 'DS', better: 'higher', digits: 3, level: 'pair' },
  convention:
    'the largest confidence of a person among the detections of SSD300-VGG16 trained on Pascal VOC 2007 and 2012, a mean over images; ' +
    'images are resized to 300×300 (bilinear)',
};

/** Images that run at once: the largest tensor has 23 MB an image, and every device binds 128 MiB. */
const BATCH = 4;

/** Rates images by a network that finds people. */
export function detectionScorer(model: Pick<Ssd300, 'personScores' | 'destroy'>): Scorer {
  const cache = new ScoreCache((images) => model.personScores(images));
  return {
    metrics: [DS],
    score: async (pairs) =>
      (await cache.score(pairs)).map(({ generated, copy, real }) => ({
        generated: { ds: generated },
        copy: { ds: copy },
        real: { ds: real },
      })),
    finish: async () => ({}),
    close: async () => model.destroy(),
  };
}

/** The detection score with SSD300. */
export const DETECTION: NetworkMetrics = {
  networks: [SSD300],
  metrics: [DS],
  create: async (engine, [weights]) => detectionScorer(await Ssd300.create(engine, present(weights), BATCH)),
};
