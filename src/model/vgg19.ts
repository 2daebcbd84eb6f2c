import { shown, shownName } from '../data/json-scan.js';
import { readSafetensors, type StoredTensor, toFloat32, writeSafetensors } from '../data/safetensors.js';
import { UsageError } from '../gpu/errors.js';
import { weightsFromPyTorch, weightsToPyTorch } from '../kernels/layout.js';
import { FEATURE_SHAPES, type FeatureWeights, meanActivation, REFERENCE_ACTIVATION } from './features.js';
import { MEAN_BGR, VGG_LAYERS } from './vgg.js';
import { CONVENTIONS, type Convention, type Style, styleOf } from './vgg19-style.js';

/** The positions of our layers in torchvision's `vgg19().features`. */
const TORCHVISION: Readonly<Record<keyof typeof VGG_LAYERS, number>> = { conv1_1: 0, conv1_2: 2, conv2_1: 5 };
/** The positions of all of VGG-19's convolutions there. Other VGGs have the same first positions, but other weights. */
const CONVOLUTIONS = new Set([0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]);

/** The inputs of torchvision's weights are (v/255 − mean)/deviation in RGB. */
const MEAN_RGB = [0.485, 0.456, 0.406] as const;
const DEVIATION_RGB = [0.229, 0.224, 0.225] as const;

/** Weights beyond this are not those of VGG. Trained weights are below 1, or below 60 if their inputs are 57 times smaller. */
const LARGEST = 1000;
/** Features within this factor of the calibrated size are left as they are. */
const CLOSE = 3;

/** The names of the layers in a file. */
export interface Recognised {
  /** The usual convention of files with these names. */
  readonly convention: Convention;
  /** The names in the file by our names. */
  readonly names: ReadonlyMap<string, string>;
}

/** VGG-19's first layers, ready for use. */
export interface Vgg19 extends Style {
  /** Weights in device layout. Their inputs are 127.5·(x + 1) − mean in BGR (spec §6). */
  readonly weights: FeatureWeights;
  /** The mean of conv1_2 on `referenceImage`. */
  readonly activation: number;
  /** The factor for the features so that λ fits, which is 1 for weights of the size for which λ was calibrated. */
  readonly gain: number;
}

/**
 * Finds the first three convolutions among the names in a file: torchvision's (`features.0.weight`,
 * `features.2.weight`, `features.5.weight`, with any prefix) or Caffe's (`conv1_1.weight`, …). Throws `UsageError` if
 * there are neither, or if the rest of the file shows that it is another VGG.
 */
export function recogniseVgg19(names: Iterable<string>, file: string): Recognised {
  const all = [...names];
  const has = new Set(all);
  if ([...FEATURE_SHAPES.keys()].every((n) => has.has(n)))
    return { convention: 'caffe', names: new Map([...FEATURE_SHAPES.keys()].map((n) => [n, n])) };
  const found = all.map((n) => /^(.*?)features\.(\d+)\.weight$/.exec(n)).find((m) => m?.[2] === '0');
  if (!found) {
    const some = all.slice(0, 4).map(shownName).join(', ');
    throw new UsageError(
      `${file} has no VGG-19 layers: it should have features.0.weight (torchvision) or conv1_1.weight (Caffe), ` +
        `but it has ${some ? `${some}${all.length > 4 ? ` and ${all.length - 4} more` : ''}` : 'no tensors'}.`,
    );
  }
  const prefix = found[1] ?? '';
  const positions = all.flatMap((n) => {
    const m = n.startsWith(prefix) ? /^features\.(\d+)\.weight$/.exec(n.slice(prefix.length)) : null;
    return m ? [Number(m[1])] : [];
  });
  const odd = positions.find((p) => !CONVOLUTIONS.has(p));
  if (odd !== undefined)
    throw new UsageError(
      `${file} is another VGG: it has ${prefix}features.${odd}.weight, where VGG-19 has no convolution. ` +
        'Use torchvision’s vgg19 (not vgg11, vgg13, vgg16 or vgg19_bn).',
    );
  const wanted = new Map(
    Object.entries(TORCHVISION).flatMap(([layer, at]): [string, string][] => [
      [`${layer}.weight`, `${prefix}features.${at}.weight`],
      [`${layer}.bias`, `${prefix}features.${at}.bias`],
    ]),
  );
  for (const name of wanted.values()) if (!has.has(name)) throw new UsageError(`${file} has no ${name}`);
  return { convention: 'torchvision', names: wanted };
}

/**
 * Imports VGG-19's first layers from a file's tensors. It checks shapes and ranges, folds in the normalisation of
 * torchvision's weights, and measures the size of the features. `convention` says which inputs the weights take; by
 * default this is recognised from the names and the numbers. Throws `UsageError` that names the tensor.
 */
export function importVgg19(
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
  convention?: Convention,
  decidedBy: Style['decidedBy'] = 'the option',
): Vgg19 {
  const recognised = recogniseVgg19(tensors.keys(), file);
  const { convention: usual, names } = recognised;
  checkShapes(recognised, tensors, file);
  const given = new Map<string, Float32Array>();
  for (const [name, stored] of names) given.set(name, checked(file, name, stored, tensors.get(stored) as StoredTensor));
  const style: Style = convention
    ? { convention, decidedBy }
    : styleOf(given, usual, () => meanActivation(foldNormalisation(given)), file);
  const weights = style.convention === 'torchvision' ? foldNormalisation(given) : given;
  const activation = meanActivation(weights);
  if (!(activation > 1e-3 && activation < 1e6))
    throw new UsageError(
      `${file}: its conv1_2 gives features of mean ${activation.toPrecision(3)} on a picture; VGG-19’s are 0.1 … 1000`,
    );
  const ratio = REFERENCE_ACTIVATION / activation;
  return { ...style, weights, activation, gain: ratio > CLOSE || ratio < 1 / CLOSE ? ratio : 1 };
}

/** Throws `UsageError` unless every tensor has VGG-19's shape. It is called before the values are read. */
export function checkShapes(
  { names }: Recognised,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  file: string,
): void {
  for (const [name, stored] of names) {
    const [shape, found] = [FEATURE_SHAPES.get(name) ?? [], tensors.get(stored)?.shape ?? []];
    if (found.join() !== shape.join())
      throw new UsageError(
        `${file}: ${shownName(stored)} is [${shown(found).slice(1, -1)}], VGG-19 has [${shape}] there`,
      );
  }
}

/** The values of a tensor in device layout. Throws `UsageError` if they are too large, or not finite. */
function checked(file: string, name: string, stored: string, tensor: StoredTensor): Float32Array {
  const { length } = FEATURE_SHAPES.get(name) as readonly number[];
  const values = toFloat32(tensor);
  const largest = values.reduce(
    (m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : Number.POSITIVE_INFINITY),
    0,
  );
  if (!(largest < LARGEST && largest > 0))
    throw new UsageError(
      `${file}: the values of ${stored} reach ${largest}; those of VGG-19 are about 1. Is it damaged?`,
    );
  return length === 4 ? weightsFromPyTorch(values, VGG_LAYERS[name.split('.')[0] as 'conv1_1']) : values;
}

/**
 * Converts conv1_1 from inputs (v/255 − mean)/deviation in RGB to inputs v − MEAN_BGR in BGR: w'[o, c] = w[o, 2 − c] /
 * (255·deviation), bias' = bias + Σ w'·(MEAN_BGR − 255·mean).
 *
 * This is exact except at the border. Both nets pad with zeros after the normalisation, that is with their own mean
 * colour. The two means differ by (0.4, 0.5, 0.005) of 255 in B, G, R, which at border pixels changes conv1_1 by less
 * than a hundredth of a deviation of the input per weight.
 */
function foldNormalisation(weights: FeatureWeights): FeatureWeights {
  const old = weights.get('conv1_1.weight') as Float32Array;
  const bias = Float64Array.from(weights.get('conv1_1.bias') as Float32Array);
  const folded = new Float32Array(old.length);
  const out = bias.length;
  for (let tap = 0; tap < 9; tap++)
    for (let c = 0; c < 3; c++) {
      const rgb = 2 - c;
      const shift = (MEAN_BGR[c] as number) - 255 * (MEAN_RGB[rgb] as number);
      for (let o = 0; o < out; o++) {
        const w = (old[(3 * tap + rgb) * out + o] as number) / (255 * (DEVIATION_RGB[rgb] as number));
        folded[(3 * tap + c) * out + o] = w;
        bias[o] = (bias[o] as number) + w * shift;
      }
    }
  return new Map([...weights, ['conv1_1.weight', folded], ['conv1_1.bias', Float32Array.from(bias)]]);
}

const FORMAT = 'webgpu-pose-gan vgg19';

/** The installed file of 450 KB. It has the three layers under Caffe's names in OIHW, with the normalisation folded in. */
export function writeVgg19(vgg: Vgg19, source: string): Uint8Array {
  const tensors = [...FEATURE_SHAPES].map(
    ([name, shape]): [string, { shape: readonly number[]; data: Float32Array }] => {
      const values = vgg.weights.get(name) as Float32Array;
      const layer = VGG_LAYERS[name.split('.')[0] as 'conv1_1'];
      return [name, { shape, data: shape.length === 4 ? weightsToPyTorch(values, layer) : values }];
    },
  );
  return writeSafetensors(new Map(tensors), {
    format: FORMAT,
    layout: 'OIHW',
    input: `BGR, 0..255 minus (${MEAN_BGR.join(', ')})`,
    convention: vgg.convention,
    decidedBy: vgg.decidedBy,
    activation: String(vgg.activation),
    gain: String(vgg.gain),
    source,
  });
}

/** Reads an installed file. */
export function readVgg19(bytes: Uint8Array, file: string): Vgg19 & { readonly source: string } {
  const { metadata, tensors } = readSafetensors(bytes, file);
  if (metadata.format !== FORMAT)
    throw new UsageError(`${file} was not installed by pose-gan weights vgg19; install it again from its source`);
  // The normalisation is already folded in, so the file takes Caffe's inputs.
  const vgg = importVgg19(tensors, file, 'caffe');
  const convention = CONVENTIONS.find((c) => c === metadata.convention);
  if (!convention) throw new UsageError(`${file}: its convention is ${shown(metadata.convention)}; install it again`);
  const gain = Number(metadata.gain);
  if (!(gain > 0 && Number.isFinite(gain)))
    throw new UsageError(`${file}: its gain is ${shown(metadata.gain)}; install it again`);
  const decidedBy = (metadata.decidedBy ?? 'the names') as Style['decidedBy'];
  return { ...vgg, convention, decidedBy, gain, source: metadata.source ?? 'unknown' };
}
