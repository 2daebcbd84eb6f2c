import {
  BOOLEAN,
  COUNT,
  checked,
  FRACTION,
  type Kind,
  type Kinds,
  NATURAL,
  NUMBER,
  numeric,
  oneOf,
  POSITIVE,
  RATE,
  STRING,
} from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import type { GeometryKind } from '../pose/geometry.js';

/** The position of the activation in a block: `post` is `conv → norm → activation`, `pre` is `activation → conv → norm`. */
export type BlockOrder = 'post' | 'pre';

/** The blocks of one network. A block without normalisation may have a bias. */
interface NetConfig {
  readonly order: BlockOrder;
  /** The slope of the (leaky) ReLU for negative values; 0 is ReLU. */
  readonly slope: number;
  /** Whether the first convolution has a normalisation like every other block. */
  readonly normFirst: boolean;
  /** Whether the last (deepest) convolution has a normalisation. */
  readonly normLast: boolean;
  /** Which convolutions without normalisation have a bias. */
  readonly bias: 'wherever no norm' | 'first';
}

/** A whole pose-GAN as one plain object. Presets, sizes and ablations only set its fields. */
export interface ModelConfig {
  readonly height: number;
  readonly width: number;
  /** The number of joints of the skeleton. */
  readonly joints: number;
  /** The number of parts of the skeleton. */
  readonly parts: number;
  /** How parts and transforms are computed (spec §3). */
  readonly geometry: GeometryKind;
  /** How warped parts are combined in a skip connection; `plain` skips are not deformed. */
  readonly skip: 'max' | 'mean' | 'plain';
  /** Whether the unwarped features are also a candidate. */
  readonly identity: boolean;
  /** The side of a transform that the masks limit. */
  readonly maskOn: 'source' | 'target';
  /** The number of skip levels that are deformed, from the finest. */
  readonly deformedLevels: number;
  /** The number of encoder streams: two (appearance and pose) or one. */
  readonly streams: 1 | 2;
  /** The channels of the encoder's levels. The first convolution has stride 1, the others have stride 2. */
  readonly encoder: readonly number[];
  /** The channels of the decoder's blocks. The last block makes the image and has stride 1. */
  readonly decoder: readonly number[];
  readonly encoderNet: NetConfig;
  /** All normalisations: the set of values that is normalised together, and ε. */
  readonly norm: { readonly mode: 'channel' | 'sample'; readonly epsilon: number };
  /** The number of decoder blocks with dropout. */
  readonly dropoutBlocks: number;
  readonly dropoutRate: number;
  /** The length of the noise vector at the deepest level; 0 for none. */
  readonly noise: number;
  readonly discriminator: readonly number[];
  readonly discriminatorNet: NetConfig;
  /** The zero padding of the discriminator's first convolution. */
  readonly discriminatorPad: 0 | 1;
  readonly discriminatorDropout: boolean;
  readonly dropoutAtTest: boolean;
  /** The loss that is added to the adversarial loss, its weight, and the window of the nearest-neighbour search. */
  readonly loss: { readonly kind: 'nearest' | 'l1' | 'perceptual'; readonly weight: number; readonly window: number };
  readonly learningRate: number;
  readonly batch: number;
}

const GEOMETRY: Kind = /* @__PURE__ */ oneOf('rectangles', 'keypoints');
const CHANNELS: Kind = ['a list of channel counts', (v) => Array.isArray(v) && v.length > 0, COUNT];
const NET: Kinds = {
  order: /* @__PURE__ */ oneOf('post', 'pre'),
  slope: NUMBER,
  normFirst: BOOLEAN,
  normLast: BOOLEAN,
  bias: /* @__PURE__ */ oneOf('wherever no norm', 'first'),
};

/** The kinds of the fields of a configuration. */
export const CONFIG: Kinds = {
  height: COUNT,
  width: COUNT,
  joints: COUNT,
  parts: COUNT,
  geometry: GEOMETRY,
  skip: /* @__PURE__ */ oneOf('max', 'mean', 'plain'),
  identity: BOOLEAN,
  maskOn: /* @__PURE__ */ oneOf('source', 'target'),
  deformedLevels: NATURAL,
  streams: /* @__PURE__ */ oneOf(1, 2),
  encoder: CHANNELS,
  decoder: CHANNELS,
  encoderNet: NET,
  norm: { mode: /* @__PURE__ */ oneOf('channel', 'sample'), epsilon: POSITIVE },
  dropoutBlocks: NATURAL,
  dropoutRate: FRACTION,
  noise: NATURAL,
  discriminator: CHANNELS,
  discriminatorNet: NET,
  discriminatorPad: /* @__PURE__ */ oneOf(0, 1),
  discriminatorDropout: BOOLEAN,
  dropoutAtTest: BOOLEAN,
  loss: { kind: /* @__PURE__ */ oneOf('nearest', 'l1', 'perceptual'), weight: NUMBER, window: COUNT },
  learningRate: RATE,
  batch: COUNT,
};

export type Preset = 'paper' | 'authors';
export type Size = 'market' | 'fashion' | 'small';
/** The variants of the paper's Section 4.3, in the order of its table. */
export const ABLATIONS = ['baseline', 'dsc', 'perc', 'full', 'mean', 'dropout'] as const;
export type Ablation = (typeof ABLATIONS)[number];

const paper = {
  geometry: 'rectangles',
  identity: true,
  maskOn: 'source',
  encoderNet: { order: 'post', slope: 0, normFirst: true, normLast: true, bias: 'wherever no norm' },
  norm: { mode: 'channel', epsilon: 1e-5 },
  noise: 64,
  discriminatorNet: { order: 'post', slope: 0, normFirst: true, normLast: false, bias: 'wherever no norm' },
  discriminatorPad: 1,
} as const satisfies Partial<ModelConfig>;

const authors = {
  geometry: 'keypoints',
  identity: false,
  maskOn: 'target',
  encoderNet: { order: 'pre', slope: 0.2, normFirst: false, normLast: false, bias: 'first' },
  norm: { mode: 'sample', epsilon: 1e-3 },
  noise: 0,
  discriminatorNet: { order: 'pre', slope: 0.2, normFirst: false, normLast: false, bias: 'first' },
  discriminatorPad: 0,
} as const satisfies Partial<ModelConfig>;

const presets = { paper, authors };

const decoders: Record<Preset, Record<Size, readonly number[]>> = {
  paper: {
    market: [512, 512, 512, 512, 128, 3],
    fashion: [512, 512, 512, 512, 512, 128, 3],
    small: [512, 512, 512, 128, 3],
  },
  authors: {
    market: [512, 512, 512, 256, 128, 3],
    fashion: [512, 512, 512, 512, 256, 128, 3],
    small: [512, 512, 256, 128, 3],
  },
};

const patches = [64, 128, 256, 512, 1];
/** With an unpadded first convolution, the few pixels of `small` allow one level less. */
const discriminators: Record<Preset, Record<Size, readonly number[]>> = {
  paper: { market: patches, fashion: patches, small: patches },
  authors: { market: patches, fashion: patches, small: [64, 128, 256, 1] },
};

const sizes = {
  market: { height: 128, width: 64, encoder: [64, 128, 256, 512, 512, 512], batch: 4, window: 3 },
  // Not in the paper: a quarter of market's pixels and one level less, for experiments in minutes.
  small: { height: 64, width: 32, encoder: [64, 128, 256, 512, 512], batch: 4, window: 3 },
  // The released code trains the full model on batches of 2 at this size, and the ablations without its loss on 4.
  fashion: { height: 256, width: 256, encoder: [64, 128, 256, 512, 512, 512, 512], batch: 2, window: 5 },
} as const;

/** What each ablation of the paper's Section 4.3 changes in the full model (spec §6). */
const ablations: Record<Ablation, (c: ModelConfig) => Partial<ModelConfig>> = {
  full: () => ({}),
  baseline: (c) => ({ batch: 4, streams: 1, skip: 'plain', loss: { ...c.loss, kind: 'l1', weight: 100 } }),
  dsc: (c) => ({ batch: 4, loss: { ...c.loss, kind: 'l1', weight: 100 } }),
  perc: (c) => ({ batch: 4, loss: { ...c.loss, kind: 'perceptual', weight: 0.5 } }),
  mean: () => ({ skip: 'mean' }),
  dropout: () => ({ discriminatorDropout: true, dropoutAtTest: true }),
};

export interface ConfigOptions {
  readonly preset?: Preset;
  readonly size?: Size;
  readonly ablation?: Ablation;
  /** Multiplies every channel count except those of the image and of the discriminator's output. */
  readonly width?: number;
}

/** The configuration of a preset, size and ablation. Throws a `UsageError` that lists the known names for an unknown one. */
export function modelConfig(...args: [options?: ConfigOptions]): ModelConfig {
  const kinds = {
    'preset?': STRING,
    'size?': STRING,
    'ablation?': STRING,
    'width?': numeric('in (0, 4]', (v) => v > 0 && v <= 4),
  };
  const [{ preset = 'paper', size = 'market', ablation = 'full', width = 1 } = {}] = checked(
    'modelConfig',
    { 'options?': kinds },
    args,
  );
  for (const [what, name, known] of [
    ['preset', preset, presets],
    ['size', size, sizes],
    ['ablation', ablation, ablations],
  ] as const)
    if (!Object.hasOwn(known, name))
      throw new UsageError(`there is no ${what} ${name}; known are ${Object.keys(known).join(', ')}`);
  const scaled = (channels: readonly number[], keepLast: boolean) =>
    channels.map((c, i) => (keepLast && i === channels.length - 1 ? c : Math.max(1, Math.round(c * width))));
  const { window, ...rest } = sizes[size];
  const full: ModelConfig = {
    ...rest,
    ...presets[preset],
    joints: 18,
    parts: 10,
    skip: 'max',
    deformedLevels: 4,
    streams: 2,
    encoder: scaled(rest.encoder, false),
    decoder: scaled(decoders[preset][size], true),
    dropoutBlocks: 3,
    dropoutRate: 0.5,
    discriminator: scaled(discriminators[preset][size], true),
    discriminatorDropout: false,
    dropoutAtTest: false,
    loss: { kind: 'nearest', weight: 0.01, window },
    learningRate: 2e-4,
  };
  return { ...full, ...ablations[ablation](full) };
}
