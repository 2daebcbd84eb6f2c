import { PARAMETERS, type ParameterSet } from '../autograd/parameters.js';
import { formatShape } from '../autograd/tensor.js';
import { fieldsOf, parseJson } from '../data/json.js';
import { readSafetensors, type StoredTensor, toFloat32, writeSafetensors } from '../data/safetensors.js';
import {
  BYTES,
  checked,
  F32,
  type Kind,
  type Kinds,
  mapOf,
  NATURAL,
  OBJECT,
  oneOf,
  problemOf,
  recordOf,
  STRING,
} from '../gpu/arguments.js';
import { describeNonFinite, type NonFinite, UsageError } from '../gpu/errors.js';
import { hashWords } from '../hash.js';
import { weightsFromPyTorch, weightsToPyTorch } from '../kernels/layout.js';
import { parseSkeleton, SKELETON, type Skeleton } from '../pose/skeleton.js';
import { VERSION } from '../version.js';
import { CONFIG, type ConfigOptions, type ModelConfig } from './config.js';
import type { Features } from './features.js';

/** Parameters by name in device layout, as a `ParameterSet` reads and writes them. */
export type Weights = ReadonlyMap<string, Float32Array>;
/** The parameter sets of the two networks, for names and shapes. */
export interface Nets {
  readonly generator: ParameterSet;
  readonly discriminator: ParameterSet;
}
export type Net = keyof Nets;

/** The metadata of a checkpoint. */
export interface CheckpointInfo {
  readonly config: ModelConfig;
  /** The options from which the configuration was made, if it was made from a preset. */
  readonly recipe: ConfigOptions;
  readonly skeleton: Skeleton;
  /** The number of iterations done. */
  readonly step: number;
  /** The seed of initial weights, dropout and noise. */
  readonly seed: number;
  /** The features that the losses compared. */
  readonly features: Features;
  /** The version of this library that wrote it. */
  readonly library: string;
}

export interface Checkpoint {
  /** The file's name, for errors. */
  readonly name: string;
  readonly info: CheckpointInfo;
  /** Identifies the weights. Their training state has the same fingerprint. */
  readonly fingerprint: string;
  /** Tensors in PyTorch layouts by name: `generator.appearance.0.weight`, `discriminator.0.weight`, … */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const FEATURES: Kind = /* @__PURE__ */ oneOf('vgg19', 'filter bank', 'none');
export const NETS: Kinds = { generator: PARAMETERS, discriminator: PARAMETERS };
export const CHECKPOINT: Kind = [
  'a checkpoint, as of fromCheckpoint',
  (v) => OBJECT[1](v) && OBJECT[1]((v as Checkpoint).info),
];
const WEIGHTS = /* @__PURE__ */ mapOf(F32);
/** The weights of both networks, alone or with the rest of a training state. */
export const VALUES: Kinds = {
  generator: WEIGHTS,
  discriminator: WEIGHTS,
  'moments?': {
    'generator.m': WEIGHTS,
    'generator.v': WEIGHTS,
    'discriminator.m': WEIGHTS,
    'discriminator.v': WEIGHTS,
  },
  'step?': NATURAL,
  'randomStep?': NATURAL,
};
const INFO: Kinds = {
  config: CONFIG,
  recipe: /* @__PURE__ */ recordOf(),
  skeleton: SKELETON,
  step: NATURAL,
  seed: NATURAL,
  features: FEATURES,
  'library?': STRING,
};

/** The value of `format` in the metadata of a checkpoint. */
const FORMAT = 'webgpu-pose-gan checkpoint';
/** The options from which a configuration can be made. */
const RECIPE = ['preset', 'size', 'ablation', 'width'];
/** Increased when readers of the previous version could misread a file. */
const FORMAT_VERSION = '1';

/** The name of a parameter in a file. Every name begins with the network, as the discriminator's own names already do. */
export function fileName(net: Net, parameter: string): string {
  return parameter.startsWith(`${net}.`) ? parameter : `${net}.${parameter}`;
}

/** The shape in PyTorch. Kernels [height, width, a, b], including transposed ones, are [b, a, height, width] there. */
function torchShape(shape: readonly number[]): number[] {
  const [h = 0, w = 0, a = 0, b = 0] = shape;
  return shape.length === 4 ? [b, a, h, w] : [...shape];
}

/** Adds one network's tensors to the content of a file, in PyTorch layouts. */
export function addTensors(
  file: Map<string, { shape: readonly number[]; data: Float32Array }>,
  set: ParameterSet,
  values: Weights,
  name: (parameter: string) => string,
): void {
  for (const parameter of set.names) {
    const { shape, size } = set.get(parameter);
    const data = values.get(parameter);
    if (data?.length !== size)
      throw new UsageError(
        `${name(parameter)} has ${data?.length ?? 'no'} values, but its shape ${formatShape(shape)} needs ${size}`,
      );
    file.set(name(parameter), {
      shape: torchShape(shape),
      data: shape.length === 4 ? weightsToPyTorch(data, shape) : data,
    });
  }
}

/**
 * Collects one network's parameters from a file, in device layout. What does not fit is added to `problems`, which the
 * caller checks before it uses any value.
 */
export function takeTensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  set: ParameterSet,
  name: (parameter: string) => string,
  problems: string[],
): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const parameter of set.names) {
    const { shape } = set.get(parameter);
    const want = torchShape(shape);
    const stored = tensors.get(name(parameter));
    if (!stored) problems.push(`${name(parameter)} ${formatShape(want)} is missing`);
    else if (formatShape(stored.shape) !== formatShape(want))
      problems.push(`${name(parameter)} is ${formatShape(stored.shape)}, but the model needs ${formatShape(want)}`);
    else {
      const data = toFloat32(stored);
      values.set(parameter, shape.length === 4 ? weightsFromPyTorch(data, shape) : data);
    }
  }
  return values;
}

/** Throws one `UsageError` that shows the first problems and counts the others, if there are problems. */
export function throwProblems(file: string, problems: readonly string[], advice: string): void {
  if (!problems.length) return;
  const rest = problems.length > 5 ? `; and ${problems.length - 5} more` : '';
  throw new UsageError(`${file} does not fit this model: ${problems.slice(0, 5).join('; ')}${rest}. ${advice}`);
}

/**
 * The bytes of a checkpoint: the parameters of both networks as safetensors with PyTorch names and layouts (convolutions
 * OIHW, transposed ones IOHW), and in the metadata everything that is needed to rebuild the model. Throws `UsageError` if
 * values are missing or have a wrong length.
 */
export function toCheckpoint(
  ...args: [nets: Nets, values: Readonly<Record<Net, Weights>>, info: Omit<CheckpointInfo, 'library'>]
): Uint8Array {
  const [nets, values, info] = checked('toCheckpoint', { nets: NETS, values: VALUES, info: INFO }, args);
  const file = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const net of ['generator', 'discriminator'] as const)
    addTensors(file, nets[net], values[net], (p) => fileName(net, p));
  return writeSafetensors(file, {
    format: FORMAT,
    version: FORMAT_VERSION,
    library: VERSION,
    config: JSON.stringify(info.config),
    recipe: JSON.stringify(info.recipe),
    skeleton: JSON.stringify(info.skeleton),
    step: String(info.step),
    seed: String(info.seed),
    features: info.features,
  });
}

/** Reads a checkpoint. Throws a `UsageError` that begins with `name` if the file is not a checkpoint, or if a field is wrong. */
export function fromCheckpoint(...args: [bytes: Uint8Array, name: string]): Checkpoint {
  const [bytes, name] = checked('fromCheckpoint', { bytes: BYTES, name: STRING }, args);
  const { metadata, tensors } = readSafetensors(bytes, name);
  checkFormat(name, metadata, FORMAT);
  checkFinite(name, tensors);
  const field = (key: string) => jsonField(name, metadata, key);
  const config = checkConfig(field('config'), name);
  const skeleton = parseSkeleton(field('skeleton'), `the skeleton in ${name}`);
  if (skeleton.joints.length !== config.joints || skeleton.parts.length !== config.parts)
    throw new UsageError(
      `${name}: its configuration is for ${config.joints} joints and ${config.parts} parts, ` +
        `but its skeleton has ${skeleton.joints.length} and ${skeleton.parts.length}`,
    );
  const features = metadata.features as Features;
  if (!FEATURES[1](features))
    throw new UsageError(
      `${name}: its metadata names the features "${features}"; vgg19, filter bank or none are known`,
    );
  const info: CheckpointInfo = {
    config,
    recipe: fieldsOf(field('recipe'), `${name}: its recipe`, RECIPE) as ConfigOptions,
    skeleton,
    step: countField(name, metadata, 'step'),
    seed: countField(name, metadata, 'seed'),
    features,
    library: metadata.library ?? 'unknown',
  };
  return { name, info, tensors, fingerprint: fingerprint(bytes) };
}

/**
 * The parameters of the given sets in device layout, ready for `set.write` or `Trainer.restore`. Throws a
 * `UsageError` that lists all names and shapes that do not fit. Further tensors of a given network are an error too.
 */
export function weightsOf<N extends Partial<Nets>>(
  ...args: [checkpoint: Checkpoint, nets: N]
): Record<keyof N & Net, Weights> {
  const kinds = { checkpoint: CHECKPOINT, nets: { 'generator?': PARAMETERS, 'discriminator?': PARAMETERS } };
  const [checkpoint, nets] = checked('weightsOf', kinds, args);
  const problems: string[] = [];
  const result: Partial<Record<Net, Weights>> = {};
  for (const [net, set] of Object.entries(nets) as [Net, ParameterSet | undefined][]) {
    if (!set) continue;
    result[net] = takeTensors(checkpoint.tensors, set, (p) => fileName(net, p), problems);
    const known = new Set(set.names.map((p) => fileName(net, p)));
    for (const stored of checkpoint.tensors.keys())
      if (stored.startsWith(`${net}.`) && !known.has(stored)) problems.push(`${stored} is not a parameter of it`);
  }
  throwProblems(
    checkpoint.name,
    problems,
    'Build the model from the checkpoint’s own configuration, or name the preset, size, ablation and width ' +
      `with which it was trained (${JSON.stringify(checkpoint.info.recipe)}).`,
  );
  return result as Record<keyof N & Net, Weights>;
}

/** Throws `UsageError` unless the file has this format and a version that this library reads. */
export function checkFormat(name: string, metadata: Readonly<Record<string, string>>, format: string): void {
  if (metadata.format !== format)
    throw new UsageError(
      `${name} is not a ${format}: its metadata ${metadata.format ? `says "${metadata.format}"` : 'names no format'}`,
    );
  if (metadata.version !== FORMAT_VERSION)
    throw new UsageError(
      `${name} has the format version ${metadata.version}, but webgpu-pose-gan ${VERSION} reads ${FORMAT_VERSION}. ` +
        `It was written by ${metadata.library ?? 'an unknown version'}: use that version or a newer one.`,
    );
}

/** Throws `UsageError` if weights are NaN or infinite. They would give black pictures, and training would not repair them. */
export function checkFinite(name: string, tensors: ReadonlyMap<string, StoredTensor>): void {
  const found: NonFinite[] = [];
  for (const [tensor, stored] of tensors) {
    const values = toFloat32(stored);
    const count = values.reduce((n, v) => n + Number(!Number.isFinite(v)), 0);
    if (count) found.push({ name: tensor, count, size: values.length });
  }
  if (found.length)
    throw new UsageError(
      `${name}: ${describeNonFinite(found)}. The training diverged, or the file is damaged; use an earlier checkpoint.`,
    );
}

/** Reads a field of the metadata as JSON. */
export function jsonField(name: string, metadata: Readonly<Record<string, string>>, key: string): unknown {
  return parseJson(metadata[key] ?? '', `${name}: its metadata field ${key}`);
}

/** Reads a field of the metadata as an integer of 0 or more. */
export function countField(name: string, metadata: Readonly<Record<string, string>>, key: string): number {
  const value = Number(metadata[key] || Number.NaN);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError(
      `${name}: its metadata field ${key} is ${metadata[key] ?? 'missing'}, not an integer of 0 or more`,
    );
  return value;
}

/** Throws `UsageError` unless a configuration has all fields, with values of their kinds, and no others. */
function checkConfig(json: unknown, name: string): ModelConfig {
  const problem = problemOf('its configuration', CONFIG, json);
  if (problem) throw new UsageError(`${name}: ${problem}`);
  return json as ModelConfig;
}

/** A 64-bit hash of the data of a safetensors file. */
export function fingerprint(file: Uint8Array): string {
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  const data = file.subarray(8 + length);
  const aligned = data.byteOffset % 4 === 0 ? data : new Uint8Array(data);
  return hashWords(new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2));
}
