import { present } from '../present.js';
import { Lpips, type LpipsVersion } from './lpips.js';
import { LPIPS_BACKBONES, LPIPS_NETS, type LpipsNet } from './lpips-network.js';
import type { Metric } from './metric.js';
import type { PublicNetwork } from './public-network.js';
import type { NetworkMetrics, Scorer } from './scorer.js';

const NAMES: Readonly<Record<LpipsNet, string>> = { alex: 'AlexNet', vgg: 'VGG' };
const VERSIONS: Readonly<Record<LpipsVersion, string>> = {
  '0.0': 'version 0.0, the first release, whose network gets values in [−1, 1] (older tables)',
  '0.1': 'version 0.1, whose network gets values normalised as in its training (the default of the package lpips)',
};
/** The sizes of the files with the factors of the channels, in bytes. */
const BYTES: Readonly<Record<LpipsNet, Record<LpipsVersion, number>>> = {
  alex: { '0.0': 5455, '0.1': 6009 },
  vgg: { '0.0': 6735, '0.1': 7289 },
};

/** The factors of the channels that were fitted to people's judgements. Both versions have the same names and shapes. */
function linear(net: LpipsNet, version: LpipsVersion): PublicNetwork {
  return {
    key: `lpips-${net}-${version}`,
    title: `LPIPS ${version} for ${NAMES[net]}`,
    files: [
      {
        name: `${net}.pth`,
        bytes: BYTES[net][version],
        source: `https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v${version}/${net}.pth`,
      },
    ],
    define: (weights) => {
      for (const [i, channels] of LPIPS_NETS[net].channels.entries())
        weights.values(`lin${i}.model.1.weight`, [1, channels, 1, 1]);
    },
  };
}

/**
 * The distances of generated images, and of the sources, from the targets, whose features are computed once for both. Images that are
 * too small for the network have none.
 */
export function lpipsScorer(metric: Metric, model: Pick<Lpips, 'distances' | 'destroy' | 'least'>): Scorer {
  return {
    metrics: [metric],
    score: async (pairs) => {
      const large = pairs.filter(({ target }) => Math.min(target.width, target.height) >= model.least);
      const images = (of: 'target' | 'generated' | 'source') => large.map((pair) => pair[of]);
      const [generated = [], copy = []] = large.length
        ? await model.distances(images('target'), [images('generated'), images('source')])
        : [];
      return pairs.map((pair) => {
        const i = large.indexOf(pair);
        return { generated: { [metric.key]: generated[i] ?? null }, copy: { [metric.key]: copy[i] ?? null } };
      });
    },
    finish: async () => ({}),
    close: async () => model.destroy(),
  };
}

function lpips(net: LpipsNet, version: LpipsVersion): NetworkMetrics {
  const features = LPIPS_BACKBONES[net];
  const metric: Metric = {
    ...{ key: `lpips${version.replace('.', '')}${net}`, title: `LPIPS ${version}, ${NAMES[net]}` },
    ...{ better: 'lower', digits: 3, level: 'pair', ofItself: 0 },
    convention: `learned distance on the features of ${features.title}, ${VERSIONS[version]}; images in their own size`,
  };
  return {
    networks: [features, linear(net, version)],
    metrics: [metric],
    create: async (engine, [backbone, factors], { batch }) => {
      const weights = { net, version, features: present(backbone), linear: present(factors) };
      return lpipsScorer(metric, await Lpips.create(engine, weights, batch));
    },
  };
}

/** LPIPS in both versions on both networks. */
export const LPIPS: readonly NetworkMetrics[] = [
  lpips('alex', '0.0'),
  lpips('alex', '0.1'),
  lpips('vgg', '0.0'),
  lpips('vgg', '0.1'),
];
