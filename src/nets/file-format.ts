import { formatShape, sameShape } from '../autograd/tensor.js';
import { readSafetensors, type StoredTensor, toFloat32, writeSafetensors } from '../data/safetensors.js';
import { describeNonFinite, type NonFinite, UsageError } from '../gpu/errors.js';
import { VERSION } from '../version.js';
import type { FileNumber, FileSet, LoadReport } from './files.js';

const FORMAT = 'webgpu-pose-gan nets';
/** Raised when a reader of the version before could misread a file. */
const FORMAT_VERSION = '1';

type Values = ReadonlyMap<string, Float32Array>;

/** The parameters of sets by the names that they have in a file. */
function namesOf(sets: readonly FileSet[]) {
  return sets.flatMap(({ prefix, set }, i) =>
    set.names.map((parameter) => ({ i, parameter, name: `${prefix}${parameter}`, shape: set.get(parameter).shape })),
  );
}

/** The tensors that have NaN or infinities. */
function nonFiniteIn(tensors: ReadonlyMap<string, { readonly data: Float32Array }>): NonFinite[] {
  const found: NonFinite[] = [];
  for (const [name, { data }] of tensors) {
    let count = 0;
    for (const value of data) if (!Number.isFinite(value)) count++;
    if (count) found.push({ name, count, size: data.length });
  }
  return found;
}

export function encode(
  sets: readonly FileSet[],
  values: readonly Values[],
  numbers: readonly FileNumber[],
): Uint8Array {
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const { i, parameter, name, shape } of namesOf(sets)) {
    if (tensors.has(name) || name === '__metadata__')
      throw new UsageError(`save: two values would be named ${name}; give the sets other names`);
    tensors.set(name, { shape, data: values[i]?.get(parameter) ?? new Float32Array() });
  }
  // `load` refuses all of this, so a file with it would be of no use.
  for (const name of [...tensors.keys(), ...numbers.map(({ key }) => key)])
    if (/\p{Surrogate}/u.test(name))
      throw new UsageError(`save: the name ${JSON.stringify(name)} is not Unicode text; give the set another name`);
  const odd = nonFiniteIn(tensors);
  if (odd.length) throw new UsageError(`save: ${describeNonFinite(odd)}. The training diverged; nothing was saved.`);
  const fields = numbers.map(({ key, value }) => [key, String(value)]);
  return writeSafetensors(tensors, {
    ...Object.fromEntries(fields),
    ...{ format: FORMAT, version: FORMAT_VERSION, library: VERSION },
  });
}

/** What a file has of these sets and numbers. Throws `UsageError` that lists what does not fit. */
export function decode(
  bytes: Uint8Array,
  file: string,
  sets: readonly FileSet[],
  numbers: readonly FileNumber[],
  strict: boolean,
): { values: readonly Values[]; found: ReadonlyMap<string, number>; report: LoadReport } {
  const { metadata, tensors } = readSafetensors(bytes, file);
  if (metadata.format === FORMAT && metadata.version !== FORMAT_VERSION)
    throw new UsageError(
      `${file} has the format version ${metadata.version}, but webgpu-pose-gan ${VERSION} reads ${FORMAT_VERSION}. ` +
        `It was written by ${metadata.library ?? 'an unknown version'}: use that version or a newer one.`,
    );
  const wrong: string[] = [];
  const missing: string[] = [];
  const unexpected = new Set(tensors.keys());
  const values = sets.map(() => new Map<string, Float32Array>());
  const read = new Map<string, { readonly data: Float32Array }>();
  for (const { i, parameter, name, shape } of namesOf(sets)) {
    const stored: StoredTensor | undefined = tensors.get(name);
    unexpected.delete(name);
    if (!stored) missing.push(name);
    else if (sameShape(stored.shape, shape)) {
      const data = toFloat32(stored);
      values[i]?.set(parameter, data);
      read.set(name, { data });
    } else wrong.push(`${name} is ${formatShape(stored.shape)}, but ${formatShape(shape)} is needed`);
  }
  const found = new Map<string, number>();
  for (const { key, value, set } of numbers) {
    const text = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    const number = Number(text || Number.NaN);
    if (text === undefined) missing.push(`${key} (of the metadata)`);
    else if (!Number.isSafeInteger(number) || number < 0) wrong.push(`${key} is ${text}, not an integer of 0 or more`);
    else if (set) found.set(key, number);
    else if (number !== value) wrong.push(`${key} is ${number}, but ${value} is needed`);
  }
  const odd = nonFiniteIn(read);
  if (odd.length) wrong.push(describeNonFinite(odd));
  const report = { missing, unexpected: [...unexpected] };
  if (strict) {
    wrong.push(...missing.map((name) => `${name} is missing`));
    wrong.push(...report.unexpected.map((name) => `${name} is unexpected`));
  }
  if (!wrong.length) return { values, found, report };
  const rest = wrong.length > 5 ? `; and ${wrong.length - 5} more` : '';
  const advice =
    strict && missing.length + unexpected.size ? ' With strict: false, missing and unexpected names are allowed.' : '';
  throw new UsageError(`${file} does not fit: ${wrong.slice(0, 5).join('; ')}${rest}.${advice}`);
}
