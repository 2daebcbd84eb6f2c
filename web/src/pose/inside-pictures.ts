import { fromTensor, type Image } from '../../../src/data/image.js';
import type { ModelConfig } from '../../../src/model/config.js';
import type { FeatureMaps, Inspection } from '../../../src/model/inspection.js';
import { heatImage, layerImage, mapImage, maskImage } from '../../../src/model/inspection-images.js';
import type { Skeleton } from '../../../src/pose/skeleton.js';
import type { ChannelPicture, FeatureLevel, Inside } from './protocol.js';

/** Number of channels of each kind to show of a level. */
const MAX_SHOWN = 8;

/** The pictures of an inspection of a model. */
export function insideOf(found: Inspection, config: ModelConfig, skeleton: Skeleton, source: Image): Inside {
  const { height, width, maskOn } = config;
  const heat = (maps: Float32Array) => heatImage(maps, height, width, skeleton.joints.length);
  const masked = maskOn === 'target' && found.generated ? fromTensor(found.generated, width, height) : source;
  return {
    sourceHeat: heat(found.sourceHeat),
    targetHeat: heat(found.targetHeat),
    masks: skeleton.parts.map((_, p) => maskImage(masked, found.masks, p)),
    warps: skeleton.parts.map((_, p) => layerImage(found.layers, p, height, width)),
    winners: found.winners.map(({ scale, winner }) => ({
      ...{ scale, winner, width: width / scale, height: height / scale },
    })),
    winnersOf: found.winnersOf,
    features: (found.features ?? []).map((maps) => levelOf(maps, height / maps.scale, width / maps.scale)),
  };
}

function levelOf(maps: FeatureMaps, height: number, width: number): FeatureLevel {
  const { scale, channels, appearance } = maps;
  return {
    scale,
    appearance: strongest(maps, height, width, 0, appearance),
    pose: strongest(maps, height, width, appearance, channels),
    channels: [appearance, channels - appearance],
  };
}

/** Pictures of the channels in [from, to) whose values vary most; each is scaled from its smallest to its largest value. */
function strongest(maps: FeatureMaps, height: number, width: number, from: number, to: number): ChannelPicture[] {
  const { channels, values } = maps;
  const pixels = height * width;
  const of = (channel: number) => Float32Array.from({ length: pixels }, (_, p) => values[p * channels + channel] ?? 0);
  const spread = (map: Float32Array) => {
    const mean = map.reduce((a, b) => a + b, 0) / pixels;
    return map.reduce((a, b) => a + (b - mean) ** 2, 0);
  };
  return Array.from({ length: to - from }, (_, i) => from + i)
    .map((channel) => ({ channel, map: of(channel) }))
    .map(({ channel, map }) => ({ channel, map, spread: spread(map) }))
    .sort((a, b) => b.spread - a.spread)
    .slice(0, MAX_SHOWN)
    .map(({ channel, map }) => {
      const min = map.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
      const max = map.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      const image = mapImage(
        map.map((v) => v - min),
        height,
        width,
        Math.max(1e-9, max - min),
      );
      return { channel: channel - from, image };
    });
}
