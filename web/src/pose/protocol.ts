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
  /** Iterations that it was trained for. */
  readonly step: number;
  /** Numbers that the generator has learnt. */
  readonly parameters: number;
}

export type ModelFile = { readonly name: string } & ({ readonly url: string } | { readonly file: Blob });

export interface Progress {
  readonly done: number;
  /** 0 when the server does not tell. */
  readonly total: number;
}

export interface Generated {
  readonly image: Image;
  /** Milliseconds from the pair to the pixels, in the worker, once the generator is compiled. */
  readonly ms: number;
}

/** One level's skip connection: its strongest channels as pictures, by falling spread of their values. */
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

/** Which candidate won each pixel [height, width] of a level: 0 is the unwarped one where the model has it, then the parts. */
interface Winners {
  readonly scale: number;
  readonly width: number;
  readonly height: number;
  readonly winner: Uint8Array;
}

/** What the model makes of a pair on the way. */
export interface Inside {
  readonly sourceHeat: Image;
  readonly targetHeat: Image;
  /** By part: the picture that the masks lie on, dark outside; and the source picture under the part's map and mask. */
  readonly masks: readonly Image[];
  readonly warps: readonly Image[];
  readonly winners: readonly Winners[];
  readonly winnersOf: 'features' | 'image';
  readonly features: readonly FeatureLevel[];
}

interface DrawAsk extends SynthOptions {
  /** One of `SYNTH_OBJECTS`. */
  readonly object: string;
}

export type PoseCalls = {
  /** Loads a checkpoint and keeps it; the one before stays when it is of no use. */
  load: { ask: ModelFile; event: Progress; answer: Model };
  generate: { ask: PosePair; event: never; answer: Generated };
  inspect: { ask: PosePair; event: never; answer: Inside };
  draw: { ask: DrawAsk; event: never; answer: SynthPicture };
};

/** The device went away; the next call opens another. */
export interface PoseNews {
  readonly kind: 'lost';
  readonly message: string;
}
