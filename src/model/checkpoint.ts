import { PARAMETERS, type ParameterSet } from '../autograd/leaves.js';
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

/** Parameters by name in device layout, as `ParameterStorage` reads and writes them. */
export type Weights = ReadonlyMap<string, Float32Array>;
/** The parameter sets of the two networks, for names and shapes. */
export interface Nets {
  readonly generator: ParameterSet;
  readonly discriminator: ParameterSet;
}
export type Net = keyof Nets;

/** What a checkpoint knows about itself. */
export interface CheckpointInfo {
  readonly config: ModelConfig;
  /** What the configuration was made from, as far as it was made from a preset. */
  readonly recipe: ConfigOptions;
  readonly skeleton: Skeleton;
  /** Iterations done. */
  readonly step: number;
  /** Seed of initial weights, dropout and noise. */
  readonly seed: number;
  /** The features that the losses compared. */
  readonly features: Features;
  /** Version of this library that wrote it. */
  readonly library: string;
}

export interface Checkpoint {
  /** The file's name, for errors. */
  readonly name: string;
  readonly info: CheckpointInfo;
  /** Identifies the weights: their training state carries the same. */
  readonly fingerprint: string;
  /** Tensors in PyTorch layouts, `generator.appearance.0.weight`, `discriminator.0.weight`, … */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const FEATURES: Kind = /* @__PURE__ */ oneOf('vgg19', 'filter bank', 'none');
export const NETS: Kinds = { generator: PARAMETERS, discriminator: PARAMETERS };
export const CHECKPOINT: Kind = [
  'a checkpoint, as of fromCheckpoint',
  (v) => OBJECT[1](v) && OBJECT[1]((v as Checkpoint).info),
];
const WEIGHTS = /* @__PURE__ */ mapOf(F32);
/** The weights of both networks, alone or with all else of a training state. */
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

/** What a file of this kind says in its metadata under `format`. */
const FORMAT = 'webgpu-pose-gan checkpoint';
/** What a configuration can be made from. */
const RECIPE = ['preset', 'size', 'ablation', 'width'];
/** Raised when a reader of the version before could misread a file. */
const FORMAT_VERSION = '1';

/** Name in a file: every one begins with its network, which the discriminator's own names do already. */
export function fileName(net: Net, parameter: string): string {
  return parameter.startsWith(`${net}.`) ? parameter : `${net}.${parameter}`;
}

/** Shape in PyTorch: kernels [height, width, a, b] are [b, a, height, width] there, transposed ones too. */
function torchShape(shape: readonly number[]): number[] {
  const [h = 0, w = 0, a = 0, b = 0] = shape;
  return shape.length === 4 ? [b, a, h, w] : [...shape];
}

/** Adds one network's tensors to a file in the making, in PyTorch layouts. */
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
        `${name(parameter)} has ${data?.length ?? 'no'} values, its shape ${formatShape(shape)} needs ${size}`,
      );
    file.set(name(parameter), {
      shape: torchShape(shape),
      data: shape.length === 4 ? weightsToPyTorch(data, shape) : data,
    });
  }
}

/**
 * Collects one network's parameters out of a file, in device layout. What does not fit is added to `problems`: the
 * caller looks at all of them before it uses any value.
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
      problems.push(`${name(parameter)} is ${formatShape(stored.shape)}, the model needs ${formatShape(want)}`);
    else {
      const data = toFloat32(stored);
      values.set(parameter, shape.length === 4 ? weightsFromPyTorch(data, shape) : data);
    }
  }
  return values;
}

/** Throws one error that shows the first problems and counts the rest. */
export function throwProblems(file: string, problems: readonly string[], advice: string): void {
  if (!problems.length) return;
  const rest = problems.length > 5 ? `; and ${problems.length - 5} more` : '';
  throw new UsageError(`${file} does not fit this model: ${problems.slice(0, 5).join('; ')}${rest}. ${advice}`);
}

/**
 * A checkpoint: the parameters of both networks as safetensors under PyTorch names and in PyTorch layouts (convolutions
 * OIHW, transposed ones IOHW), with everything needed to rebuild the model in the metadata. Throws `UsageError` when
 * values are missing or of the wrong length.
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

/** Reads a checkpoint. `name` is for errors: a `UsageError` says what the file is instead, or which field is bad. */
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
        `its skeleton has ${skeleton.joints.length} and ${skeleton.parts.length}`,
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
 * The parameters of the given sets in device layout, ready for `ParameterStorage.write` or `Trainer.restore`. Every
 * name and shape is checked before anything is returned; the error lists what does not fit. Tensors that no set asks
 * for are an error too within a network that is asked for.
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
      if (stored.startsWith(`${net}.`) && !known.has(stored)) problems.push(`${stored} has no place in it`);
  }
  throwProblems(
    checkpoint.name,
    problems,
    'Build the model from the checkpoint’s own configuration, or name the preset, size, ablation and width ' +
      `it was trained with (${JSON.stringify(checkpoint.info.recipe)}).`,
  );
  return result as Record<keyof N & Net, Weights>;
}

/** Checks what kind of file it is and that this version can read it. */
export function checkFormat(name: string, metadata: Readonly<Record<string, string>>, format: string): void {
  if (metadata.format !== format)
    throw new UsageError(
      `${name} is not a ${format}: its metadata ${metadata.format ? `says "${metadata.format}"` : 'names no format'}`,
    );
  if (metadata.version !== FORMAT_VERSION)
    throw new UsageError(
      `${name} has the format version ${metadata.version}, webgpu-pose-gan ${VERSION} reads ${FORMAT_VERSION}. ` +
        `It was written by ${metadata.library ?? 'an unknown version'}: use that one, or a newer one.`,
    );
}

/** Weights that are NaN or infinite would make black pictures, and a training of them would stay so. */
export function checkFinite(name: string, tensors: ReadonlyMap<string, StoredTensor>): void {
  const found: NonFinite[] = [];
  for (const [tensor, stored] of tensors) {
    const values = toFloat32(stored);
    const count = values.reduce((n, v) => n + Number(!Number.isFinite(v)), 0);
    if (count) found.push({ name: tensor, count, size: values.length });
  }
  if (found.length)
    throw new UsageError(
      `${name}: ${describeNonFinite(found)}. The training diverged, or the file is damaged; take an earlier one.`,
    );
}

/** A field of the metadata that is JSON. */
export function jsonField(name: string, metadata: Readonly<Record<string, string>>, key: string): unknown {
  const place = `${name}: its metadata field ${key}`;
  return parseJson(metadata[key] ?? '', place);
}

/** A field of the metadata that is an integer of 0 or more. */
export function countField(name: string, metadata: Readonly<Record<string, string>>, key: string): number {
  const value = Number(metadata[key] || Number.NaN);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new UsageError(
      `${name}: its metadata field ${key} is ${metadata[key] ?? 'missing'}, not an integer of 0 or more`,
    );
  return value;
}

/** Every field of a configuration must be there, of its kind, and known. */
function checkConfig(json: unknown, name: string): ModelConfig {
  const problem = problemOf('its configuration', CONFIG, json);
  if (problem) throw new UsageError(`${name}: ${problem}`);
  return json as ModelConfig;
}

/** 64 bits over the data of a safetensors file. */
export function fingerprint(file: Uint8Array): string {
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  const data = file.subarray(8 + length);
  const aligned = data.byteOffset % 4 === 0 ? data : new Uint8Array(data);
  return hashWords(new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2));
}
