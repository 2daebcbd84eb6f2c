import { readSafetensors, toFloat32, type WrittenTensor, writeSafetensors } from '../data/safetensors.js';
import { headerLength, parseSafetensorsHeader } from '../data/safetensors-header.js';
import type { EvaluationFacts, EvaluationTimes, ScoredPair } from '../evaluation/document.js';
import type { Kind } from '../evaluation/inception-figures.js';
import { INCEPTION_CLASSES, INCEPTION_FEATURES } from '../evaluation/inception-network.js';
import type { Metric, System } from '../evaluation/metric.js';
import type { PairPicture } from '../evaluation/page.js';
import type { SetPart } from '../evaluation/scorer.js';
import { UsageError } from '../gpu/errors.js';
import { readBytes, writeFileAtomic } from './files.js';
import { type Named, type Part, parsePart } from './parts.js';

/** What one part of an evaluation has computed. */
export interface EvaluationPart {
  readonly facts: EvaluationFacts;
  readonly times: EvaluationTimes;
  /** The adapter, if one was needed. */
  readonly adapter: string | null;
  readonly metrics: readonly Metric[];
  /** Of this part's pairs, in order. */
  readonly scores: readonly ScoredPair[];
  /** The best and the worst of these pairs as pictures, in order. */
  readonly pictures: readonly PairPicture[];
  readonly set?: SetPart;
}

/** The most pairs of a part, which take up to 49 kB each with Inception's features, so that a file has less than 2 GiB. */
export const MOST_PAIRS = 40_000;

/** The images of `SetPart.rows` in the order of the rows of the tensors. */
type Row = readonly [system: System, kind: Kind, key: string | null];
interface StoredSet {
  readonly rows: readonly Row[];
  readonly hasReference: boolean;
}

/**
 * Writes a part as a safetensors file: what describes it in the metadata, the rest as JSON in the tensor `content`, and Inception's
 * probabilities and features as tensors. Their checksums tell later whether the file is damaged.
 */
export function writeEvaluationPart(path: string, part: Part, { set, ...rest }: EvaluationPart): void {
  const tensors = new Map<string, WrittenTensor>();
  const add = (name: string, rows: readonly Float32Array[], length: number) => {
    const count = rows.reduce((n, row) => n + row.length, 0) / length;
    const data = new Float32Array(count * length);
    let at = 0;
    for (const row of rows) {
      data.set(row, at);
      at += row.length;
    }
    tensors.set(name, { shape: [count, length], data });
  };
  let stored: StoredSet | undefined;
  if (set) {
    const { rows, reference, hasReference } = set;
    stored = { rows: rows.map(({ system, kind, key }) => [system, kind, key ?? null]), hasReference };
    add(
      'probabilities',
      rows.map((row) => row.probabilities),
      INCEPTION_CLASSES,
    );
    add(
      'features',
      rows.flatMap((row) => row.features ?? []),
      INCEPTION_FEATURES,
    );
    add('reference', reference, INCEPTION_FEATURES);
  }
  const text = new TextEncoder().encode(JSON.stringify({ ...rest, ...(stored && { set: stored }) }));
  const padded = new Uint8Array(4 * Math.ceil(text.length / 4)).fill(0x20);
  padded.set(text);
  tensors.set('content', { shape: [padded.length], data: padded });
  writeFileAtomic(path, writeSafetensors(tensors, { part: JSON.stringify(part) }));
}

/** The result of `body`, which interprets the bytes of a file. Its errors become `UsageError`s that name the file and what to do. */
function interpreting<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw new UsageError(
      `${path} is not a whole part of an evaluation: ${(error as Error).message}. Fix: name what pose-gan evaluate --shard i/n --out FILE ` +
        'has written; if this is such a file, copy it again, or make the part again',
    );
  }
}

/** Reads what describes a part, and nothing else of the file. Throws `UsageError` if it is no part of an evaluation. */
export function readPartHead(path: string): Named {
  const start = readBytes(path, 'part', 8);
  const length = interpreting(path, () => headerLength(start));
  const header = readBytes(path, 'part', 8 + length).subarray(8);
  const json = interpreting(path, () => JSON.parse(parseSafetensorsHeader(header).metadata.part ?? 'null'));
  return { ...parsePart(json, path, 'evaluate'), path };
}

/** Reads a part. Throws `UsageError` if the file is cut short or damaged. */
export function readEvaluationPart(path: string): EvaluationPart {
  const bytes = readBytes(path, 'part');
  return interpreting(path, () => {
    const { tensors } = readSafetensors(bytes);
    const text = new TextDecoder().decode(tensors.get('content')?.bytes);
    const { set, ...rest } = JSON.parse(text) as Omit<EvaluationPart, 'set'> & { set?: StoredSet };
    if (!set) return rest;
    const values = (name: string) => {
      const tensor = tensors.get(name);
      return tensor ? toFloat32(tensor) : new Float32Array(0);
    };
    const [probabilities, features, reference] = [values('probabilities'), values('features'), values('reference')];
    const row = (of: Float32Array, i: number, length: number) => of.subarray(i * length, (i + 1) * length);
    let plain = 0;
    const rows = set.rows.map(([system, kind, key], i) => ({
      ...{ system, kind, key: key ?? undefined },
      probabilities: row(probabilities, i, INCEPTION_CLASSES),
      features: kind === 'plain' ? row(features, plain++, INCEPTION_FEATURES) : undefined,
    }));
    return { ...rest, set: { rows, reference: [reference], hasReference: set.hasReference } };
  });
}
