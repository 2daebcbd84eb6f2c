import { UsageError } from '../gpu/errors.js';
import type { FeatureWeights } from './features.js';

/**
 * How weights were trained, which decides what must be folded into the first layer. `caffe` takes BGR, 0 … 255 minus
 * the mean. `torchvision` takes (v/255 − mean)/deviation in RGB, numbers that are about 57 times smaller.
 */
export type Convention = 'torchvision' | 'caffe';

export const CONVENTIONS: readonly Convention[] = ['caffe', 'torchvision'];

/** Known files, torchvision's and J. Johnson's, by the beginning of their SHA-256, with which their names end. */
export const KNOWN_FILES: Readonly<Record<string, Convention>> = { dcbb9e9d: 'torchvision', d01eb7cb: 'caffe' };

/** A convention, and how it was recognised. */
export interface Style {
  readonly convention: Convention;
  readonly decidedBy: 'the option' | 'the checksum' | 'the names' | 'the published weights' | 'the range';
}

/**
 * Root mean squares of the layers after the first in the VGG-19 that its authors published as a Caffe model. Every
 * conversion of it has these, whatever was folded into its first layer.
 */
const PUBLISHED: Readonly<Record<string, number>> = {
  'conv1_2.weight': 0.040099,
  'conv1_2.bias': 0.30937,
  'conv2_1.weight': 0.029992,
  'conv2_1.bias': 0.15906,
};
/** The root mean square of its first layer for BGR inputs of 0 … 255. */
const FIRST = 0.19139;
/** For torchvision's inputs it is this many times larger. */
const RATIO = 57.612;
/** The relative tolerance of these values, more than half precision and rounding change them. */
const TOLERANCE = 0.01;

/**
 * Bounds of conv1_2's mean on the reference picture when the weights are read as torchvision's. Random and trained weights of
 * torchvision have about 0.3 … 0.5, and weights of the size of Caffe's features have a mean above `LARGE` only if they were made for
 * torchvision's inputs.
 */
const SMALL = 0.7;
const LARGE = 17;

const energy = (values: Float32Array) => values.reduce((sum, v) => sum + v * v, 0);
const rms = (values: Float32Array) => Math.sqrt(energy(values) / values.length);
const near = (x: number, y: number) => Math.abs(x / y - 1) < TOLERANCE;

/**
 * Recognises which inputs the first layer takes: by the published weights, by the names (if they are Caffe's), or by the
 * range of the numbers. `weights` are in device layout. `activation` gives the mean of conv1_2 if they are read as
 * torchvision's. If the convention is not clear, throws a `UsageError` that asks for the option.
 */
export function styleOf(weights: FeatureWeights, names: Convention, activation: () => number, file: string): Style {
  const of = (name: string) => weights.get(name) as Float32Array;
  if (Object.entries(PUBLISHED).every(([name, value]) => near(rms(of(name)), value)))
    return { convention: publishedStyle(of('conv1_1.weight'), file), decidedBy: 'the published weights' };
  if (names === 'caffe') return { convention: 'caffe', decidedBy: 'the names' };
  // The standard deviation of torchvision's inputs is 1, so a filter's norm is about the deviation of its responses. With
  // weights for inputs 57 times larger, the picture would contribute less than the biases.
  const norm = Math.sqrt(27) * rms(of('conv1_1.weight'));
  if (norm < rms(of('conv1_1.bias')) / 2) return { convention: 'caffe', decidedBy: 'the range' };
  const mean = activation();
  if (mean < SMALL || mean > LARGE) return { convention: 'torchvision', decidedBy: 'the range' };
  throw unclear(file, 'the range of its numbers fits both');
}

function publishedStyle(first: Float32Array, file: string): Convention {
  const scale = rms(first) / FIRST;
  // The layout is [tap, channel, output]. Of the two outer channels, red has the larger weights.
  const channel = (c: number) => energy(first.filter((_, i) => Math.floor(i / 64) % 3 === c));
  const bgr = channel(0) < channel(2);
  if (near(scale, 1) && bgr) return 'caffe';
  if (near(scale, RATIO) && !bgr) return 'torchvision';
  throw unclear(
    file,
    `it is the published VGG-19 with ${bgr ? 'BGR' : 'RGB'} inputs and a first layer times ${scale.toPrecision(3)}, ` +
      'which neither convention has',
  );
}

function unclear(file: string, why: string): UsageError {
  return new UsageError(
    `${file} does not show which inputs its weights take: ${why}. Name them: --style caffe (BGR, 0 … 255 minus the mean, ` +
      'as conversions of the authors’ Caffe model take), or --style torchvision ((v/255 − mean)/deviation in RGB, as ' +
      'torchvision’s own weights take). Their features differ 57-fold.',
  );
}
