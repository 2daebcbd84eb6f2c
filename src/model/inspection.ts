import { input } from '../autograd/leaves.js';
import type { ParameterSet } from '../autograd/parameters.js';
import type { Tensor } from '../autograd/tensor.js';
import { compile } from '../compiler/compile.js';
import type { Engine } from '../gpu/engine.js';
import { deformableSkip } from '../kernels/deformableSkip/deformableSkip.js';
import { Random } from '../kernels/dropout/random.js';
import { addScalar, scale } from '../kernels/elementwise/elementwise.js';
import { nearestNeighbourDistance } from '../kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
import { partMasks } from '../kernels/partMasks/partMasks.js';
import { Parameters } from './blocks.js';
import type { ModelConfig } from './config.js';
import { generator } from './generator.js';
import { feedsFor, type PairData, pairInputs, type TrainingData } from './inputs.js';
import type { Vgg } from './vgg.js';

/** Which candidate of a deformable skip won each pixel of one level. */
interface WinnerMap {
  /** How many times coarser it is than the image. */
  readonly scale: number;
  /** The winners [H/s, W/s]: 0 is the identity if the configuration has one, and then come the parts. */
  readonly winner: Uint8Array;
}

/** All that the model computes for one pair of H×W pixels, J joints and P parts. */
export interface Inspection {
  /** Heat maps [H, W, J] of the two poses. */
  readonly sourceHeat: Float32Array;
  readonly targetHeat: Float32Array;
  /** Part masks as bits [H, W], on the configuration's side. */
  readonly masks: Uint32Array;
  /** The source image [P, H, W, 3] in [0, 1] under the mask and map of each part alone (paper, Section 3.2); 0 elsewhere. */
  readonly layers: Float32Array;
  /** The winners per level for the net's features if there is a net that takes maxima, otherwise for the source image in [0, 1]. */
  readonly winners: readonly WinnerMap[];
  readonly winnersOf: 'features' | 'image';
  /** The generated image [H, W, 3] in [−1, 1], if there is a generator. */
  readonly generated?: Float32Array;
  /** The distances of L_NN to the target, if the pair has one. */
  readonly nearest?: NearestMap;
  /** The decoder's inputs by level, from the finest, if they were asked for and there is a generator. */
  readonly features?: readonly FeatureMaps[];
}

/** The distance [H, W] of L_NN from the generated (else the source) image to the target, and the position of the nearest in the window. */
interface NearestMap {
  readonly distance: Float32Array;
  readonly nearest: Uint32Array;
}

/** The features [H/s, W/s, C] of a level. */
export interface FeatureMaps {
  readonly scale: number;
  readonly channels: number;
  /** The first channels, of this number, are the source's deformed appearance. The others are the target pose. */
  readonly appearance: number;
  readonly values: Float32Array;
}

export interface InspectionOptions {
  readonly config: ModelConfig;
  /** One pair, as a batch of 1. Nearest neighbours are searched in its target image, if it has one. */
  readonly data: PairData | TrainingData;
  /** A trained generator's parameters. */
  readonly generator?: ParameterSet;
  /** The features for the nearest-neighbour distance. Default: 8-bit RGB values. */
  readonly vgg?: Vgg;
  /** Whether to read the features of the skip connections too. */
  readonly features?: boolean;
}

/** Runs one pair through every stage of the model and reads all results. */
export async function inspectPair(engine: Engine, options: InspectionOptions): Promise<Inspection> {
  const { config, data, vgg } = options;
  const { height, width, parts, identity, maskOn } = config;
  // Plain skips use no parts, but the parts of the poses can be shown nevertheless.
  const shown: ModelConfig = config.skip === 'plain' ? { ...config, skip: 'max' } : config;
  const inputs = pairInputs(shown, 1, new Random(0), config.dropoutAtTest);
  const net = options.generator && generator(new Parameters(options.generator, 0), config, inputs);

  const inNet = net ? net.skips.flatMap(maximumIn) : [];
  const ofImage = () =>
    deformableSkip(scale(addScalar(inputs.source, 1), 0.5), inputs.affine as Tensor, masks, { identity, maskOn });
  const masks = inputs.masks?.[0] as Tensor;
  const skips = inNet.length ? inNet : [ofImage()];

  // Each image of this batch has only one of the parts, which gives the layer of that part alone.
  const layers = deformableSkip(
    input('images', [parts, height, width, 3]),
    input('eachAffine', [parts, 1, 6]),
    partMasks(input('eachPlanes', [parts, 1, 12]), { height, width }),
    { identity: false, maskOn },
  );
  const compared = (image: Tensor) => (vgg ? vgg.conv1_2(image) : scale(image, 127.5));
  const distance =
    'target' in data
      ? nearestNeighbourDistance(
          compared(net?.image ?? inputs.source),
          compared(input('target', inputs.source.shape)),
          { window: config.loss.window },
        )
      : undefined;
  const levels = (options.features && net?.skips) || [];
  const plan = await compile(engine, {
    sourceHeat: inputs.sourceHeat,
    targetHeat: inputs.targetHeat,
    masks,
    layers,
    ...(distance && { distance, nearest: distance.node.outputs.winner as Tensor }),
    ...(net && { generated: net.image }),
    ...Object.fromEntries(skips.flatMap((y, i) => [[`skip${i}`, y] as const, [`winner${i}`, winnerOf(y)] as const])),
    ...Object.fromEntries(levels.map((level, i) => [`level${i}`, level])),
  });
  try {
    const image = data.source.map((v) => (v + 1) / 2);
    const images = new Float32Array(parts * image.length);
    for (let p = 0; p < parts; p++) images.set(image, p * image.length);
    const feeds = feedsFor('inspect', plan.inputNames, config, [data]);
    plan.run({ ...feeds, images, eachAffine: data.affine, eachPlanes: data.planes });
    const winners = skips.map(async (y, i) => ({
      scale: height / (y.shape[1] as number),
      winner: strongest(await plan.read(`skip${i}`), await plan.readUint(`winner${i}`), y.shape[3] as number),
    }));
    const featuresOf = async (level: Tensor, i: number): Promise<FeatureMaps> => {
      const [, rows = 1, , channels = 0] = level.shape;
      // The skip of two streams is [appearance | pose].
      const appearance = config.streams === 2 ? (config.encoder[i] as number) : channels;
      return { scale: height / rows, channels, appearance, values: await plan.read(`level${i}`) };
    };
    return {
      sourceHeat: await plan.read('sourceHeat'),
      targetHeat: await plan.read('targetHeat'),
      masks: await plan.readUint('masks'),
      layers: await plan.read('layers'),
      winners: await Promise.all(winners),
      winnersOf: inNet.length ? 'features' : 'image',
      generated: net && (await plan.read('generated')),
      nearest: distance && { distance: await plan.read('distance'), nearest: await plan.readUint('nearest') },
      features: levels.length ? await Promise.all(levels.map(featuresOf)) : undefined,
    };
  } finally {
    plan.destroy();
  }
}

/** The deformable skip that takes the maximum, in a skip tensor [d(appearance) | pose]. */
function maximumIn({ node }: Tensor): Tensor[] {
  return Object.values(node.inputs).filter((t) => t.node.op.name === 'deformableSkip' && t.node.outputs.winner);
}

const winnerOf = (y: Tensor) => y.node.outputs.winner as Tensor;

/** For each pixel, the candidate whose channels have the largest sum of absolute values. Four winners are packed in a number. */
function strongest(y: Float32Array, winner: Uint32Array, channels: number): Uint8Array {
  const pixels = y.length / channels;
  const quads = Math.ceil(channels / 4);
  const out = new Uint8Array(pixels);
  const votes = new Float64Array(32);
  for (let p = 0; p < pixels; p++) {
    votes.fill(0);
    for (let c = 0; c < channels; c++) {
      const candidate = ((winner[p * quads + (c >> 2)] as number) >>> (8 * (c & 3))) & 31;
      votes[candidate] = (votes[candidate] as number) + Math.abs(y[p * channels + c] as number);
    }
    out[p] = votes.indexOf(Math.max(...votes));
  }
  return out;
}
