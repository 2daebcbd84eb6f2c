import { input } from '../autograd/leaves.js';
import type { Tensor } from '../autograd/tensor.js';
import { checked, F32, type Kind, type Kinds, listOf, NATURAL, STRING } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import { noise } from '../kernels/dropout/dropout.js';
import type { Random } from '../kernels/dropout/random.js';
import { heatMaps } from '../kernels/heatMaps/heatMaps.js';
import { partMasks } from '../kernels/partMasks/partMasks.js';
import type { ModelConfig } from './config.js';
import type { GeneratorInputs } from './generator.js';

/** The standard deviation of the heat maps in pixels, which is the same at every image size (spec §2). */
const HEAT_SIGMA = 6;

/** The data of a batch for the device: images, joints and part geometry. The device computes heat maps and masks from them. */
export interface PairData {
  /** Source images [N, H, W, 3] in [−1, 1]. */
  readonly source: Float32Array;
  /** Joints (x, y) of the source [N, J, 2]; −1 for a missing joint. */
  readonly sourceJoints: Float32Array;
  /** Joints of the target in the same form. */
  readonly targetJoints: Float32Array;
  /** Transforms target → source [N, P, 6] at full resolution. */
  readonly affine: Float32Array;
  /** Half-planes of the part masks [N, P, 12]. */
  readonly planes: Float32Array;
}

/** A batch for training, which also has the real images in the target pose [N, H, W, 3]. */
export interface TrainingData extends PairData {
  readonly target: Float32Array;
}

const FINITE: Kind = [
  'a Float32Array of finite numbers',
  (v) => F32[1](v) && (v as Float32Array).every(Number.isFinite),
];
/** The kinds of the fields of a batch, including those that `Batches` adds. */
const PAIRS: Kinds = {
  source: F32,
  sourceJoints: F32,
  targetJoints: F32,
  affine: FINITE,
  planes: FINITE,
  'target?': F32,
  'step?': NATURAL,
  'names?': listOf(listOf(STRING)),
};

/** The generator's inputs, computed from graph inputs with the names of `PairData`, for a batch of n. */
export function pairInputs(config: ModelConfig, n: number, random: Random, dropout: boolean): GeneratorInputs {
  const { height, width, joints, parts } = config;
  const heat = (name: string) => heatMaps(input(name, [n, joints, 2]), { height, width, sigma: HEAT_SIGMA });
  const deformed = config.skip !== 'plain';
  return {
    source: input('source', [n, height, width, 3]),
    sourceHeat: heat('sourceJoints'),
    targetHeat: heat('targetJoints'),
    affine: deformed ? input('affine', [n, parts, 6]) : undefined,
    masks: deformed ? masks(config, input('planes', [n, parts, 12])) : undefined,
    noise: config.noise ? noise(random, [n, config.noise]) : undefined,
    random: dropout ? random : undefined,
  };
}

function masks({ height, width, deformedLevels }: ModelConfig, planes: Tensor): Tensor[] {
  return Array.from({ length: deformedLevels }, (_, level) => {
    const scale = 2 ** level;
    return partMasks(planes, { height: height / scale, width: width / scale, scale });
  });
}

/**
 * The fields of a batch, given to the function `of`, that are inputs of a plan. Throws `UsageError` unless the batch is complete and
 * every joint is finite.
 */
export function feedsFor(
  of: string,
  names: readonly string[],
  { joints }: ModelConfig,
  args: [data: PairData],
): Record<string, Float32Array> {
  const [data] = checked(of, { data: PAIRS }, args);
  for (const [name, values] of Object.entries({ sourceJoints: data.sourceJoints, targetJoints: data.targetJoints })) {
    const at = values.findIndex((v) => !Number.isFinite(v));
    const [pose, joint] = [Math.floor(at / 2 / joints), Math.floor(at / 2) % joints];
    if (at >= 0)
      throw new UsageError(
        `${of}: joint ${joint} of pose ${pose} in ${name} is at ${values[at]}; a missing joint is at −1`,
      );
  }
  return Object.fromEntries(
    Object.entries(data as unknown as Record<string, unknown>).filter(([n]) => names.includes(n)),
  ) as Record<string, Float32Array>;
}
