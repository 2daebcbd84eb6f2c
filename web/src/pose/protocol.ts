import type { Image } from '../../../src/data/image.js';
import type { SynthOptions, SynthPicture } from '../../../src/data/synth.js';
import type { ModelConfig } from '../../../src/model/config.js';
import type { PosePair } from '../../../src/model/pairs.js';
import type { Skeleton } from '../../../src/pose/skeleton.js';

/** A loaded checkpoint. */
export interface Model {
  readonly name: string;
  readonly config: ModelConfig;
  readonly skeleton: Skeleton;
  /** Number of iterations that it was trained for. */
  readonly step: number;
  /** Number of trained values in the generator. */
  readonly parameters: number;
}

export type ModelFile = { readonly name: string } & ({ readonly url: string } | { readonly file: Blob });

export interface Progress {
  readonly done: number;
  /** 0 if the server does not send the length. */
  readonly total: number;
}

export interface Generated {
  readonly image: Image;
  /** Milliseconds that the worker took from the pair to the pixels, without compilation. */
  readonly ms: number;
}

/** The skip connection of one level: pictures of the channels that vary most, in decreasing order of their variation. */
export interface FeatureLevel {
  readonly scale: number;
  readonly appearance: readonly ChannelPicture[];
  readonly pose: readonly ChannelPicture[];
  readonly channels: readonly [appearance: number, pose: number];
}

export interface ChannelPicture {
  readonly channel: number;
  readonly image: Image;
}

/** The candidate that won each pixel [height, width] of a level: 0 is the unwarped one if the model has it; the parts follow. */
interface Winners {
  readonly scale: number;
  readonly width: number;
  readonly height: number;
  readonly winner: Uint8Array;
}

/** Intermediate results of a model for a pair. */
export interface Inside {
  readonly sourceHeat: Image;
  readonly targetHeat: Image;
  /** For each part: `masks` is the picture, darkened outside the mask; `warps` is the source picture under the part's map and mask. */
  readonly masks: readonly Image[];
  readonly warps: readonly Image[];
  readonly winners: readonly Winners[];
  readonly winnersOf: 'features' | 'image';
  readonly features: readonly FeatureLevel[];
}

interface DrawRequest extends SynthOptions {
  /** One of `SYNTH_OBJECTS`. */
  readonly object: string;
}

export type PoseCalls = {
  /** Loads a checkpoint. If it cannot be used, the one before stays loaded. */
  load: { params: ModelFile; event: Progress; result: Model };
  generate: { params: PosePair; event: never; result: Generated };
  inspect: { params: PosePair; event: never; result: Inside };
  draw: { params: DrawRequest; event: never; result: SynthPicture };
};

/** The device was lost; the next call opens another. */
export interface PoseNotice {
  readonly kind: 'lost';
  readonly message: string;
}
