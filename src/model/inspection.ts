import { input, type ParameterSet } from '../autograd/leaves.js';
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
export interface WinnerMap {
  /** How many times coarser than the image it is. */
  readonly scale: number;
  /** [H/s, W/s]: 0 is the identity where the configuration has one, then come the parts. */
  readonly winner: Uint8Array;
}

/** What the model makes of one pair: H×W pixels, J joints, P parts. */
export interface Inspection {
  /** Heat maps [H, W, J] of the two poses. */
  readonly sourceHeat: Float32Array;
  readonly targetHeat: Float32Array;
  /** Part masks as bits [H, W], on the side that the configuration says. */
  readonly masks: Uint32Array;
  /** The source image [P, H, W, 3] in [0, 1] under each part's mask and map alone (paper, Section 3.2); 0 elsewhere. */
  readonly layers: Float32Array;
  /** Level by level for the net's features, where there is a net that takes maxima; else of the source image in [0, 1]. */
  readonly winners: readonly WinnerMap[];
  readonly winnersOf: 'features' | 'image';
  /** What the generator makes of the pair [H, W, 3] in [−1, 1], where there is one. */
  readonly generated?: Float32Array;
  /** L_NN's distances to the target, where the pair has one. */
  readonly nearest?: NearestMap;
  /** What goes into the decoder level by level, from the finest, where that was asked for and there is a net. */
  readonly features?: readonly FeatureMaps[];
}

/** L_NN of the generated (else the source) image: its distance [H, W] to the target, and which place of the window is nearest. */
export interface NearestMap {
  readonly distance: Float32Array;
  readonly nearest: Uint32Array;
}

/** The features [H/s, W/s, C] of a level. */
export interface FeatureMaps {
  readonly scale: number;
  readonly channels: number;
  /** How many of the channels come first and are of the source's appearance, deformed; the others are of the target pose. */
  readonly appearance: number;
  readonly values: Float32Array;
}

export interface InspectionOptions {
  readonly config: ModelConfig;
  /** One pair: a batch of 1. Nearest neighbours are looked for in its target image, if it has one. */
  readonly data: PairData | TrainingData;
  /** A trained generator's parameters. */
  readonly generator?: ParameterSet;
  /** Features for the nearest-neighbour distance; 8-bit RGB values when absent. */
  readonly vgg?: Vgg;
  /** Read the skip connections' features too. */
  readonly features?: boolean;
}

/** Runs one pair through every stage of the model and reads all of it back. */
export async function inspectPair(engine: Engine, options: InspectionOptions): Promise<Inspection> {
  const { config, data, vgg } = options;
  const { height, width, parts, identity, maskOn } = config;
  // Plain skips have no parts, but those of the poses are there to be looked at.
  const shown: ModelConfig = config.skip === 'plain' ? { ...config, skip: 'max' } : config;
  const inputs = pairInputs(shown, 1, new Random(0), config.dropoutAtTest);
  const net = options.generator && generator(new Parameters(options.generator, 0), config, inputs);

  const inNet = net ? net.skips.flatMap(maximumIn) : [];
  const ofImage = () =>
    deformableSkip(scale(addScalar(inputs.source, 1), 0.5), inputs.affine as Tensor, masks, { identity, maskOn });
  const masks = inputs.masks?.[0] as Tensor;
  const skips = inNet.length ? inNet : [ofImage()];

  // Each part is an image of a batch in which it is the only one, so that its layer stands alone.
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
    ...(distance && { distance, nearest: distance.node.outputs[1] as Tensor }),
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

/** The deformable skip by maximum in a skip tensor [d(appearance) | pose]. */
function maximumIn({ node }: Tensor): Tensor[] {
  return node.inputs.filter((t) => t?.node.op.name === 'deformableSkip' && t.node.outputs.length > 1) as Tensor[];
}

const winnerOf = (y: Tensor) => y.node.outputs[1] as Tensor;

/** The candidate that won the channels with the largest sum of values; four winners are packed in a number. */
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
