import { describe, type Fields, fieldsOf, isObject } from '../data/json.js';
import { UsageError } from '../gpu/errors.js';
import { VERSION } from '../version.js';

/** A part of some work: part `index` of `count`, counted from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/**
 * Everything on which the results of some work depend, by names that its user understands: options, and digests of the files that it
 * reads. Paths do not belong to it, because they differ from machine to machine.
 */
export type Work = Readonly<Record<string, string | number | boolean | null>>;

/** What a part says of itself, so that parts of different work are never joined. */
export interface Part {
  readonly format: typeof FORMAT;
  /** The command that made it. */
  readonly command: string;
  /** The version of this library that made it. */
  readonly library: string;
  readonly shard: Shard;
  readonly work: Work;
}

const FORMAT = 'webgpu-pose-gan part';

export const newPart = (command: string, shard: Shard, work: Work): Part => ({
  ...{ format: FORMAT, command, library: VERSION, shard, work },
});

export const nameOf = ({ index, count }: Shard) => `${index}/${count}`;

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 1;

/** Checks a part that was read from a file. Throws `UsageError` that names the file if it is none of this command and version. */
export function parsePart(json: unknown, file: string, command: string): Part & Fields {
  const refuse = (why: string) => new UsageError(`${file} ${why}`);
  if (!isObject(json) || json.format !== FORMAT)
    throw refuse(
      `is not a part: its "format" is ${describe(isObject(json) ? json.format : json)}, not "${FORMAT}". ` +
        `Fix: name what pose-gan ${command} --shard i/n has written`,
    );
  if (json.command !== command)
    throw refuse(`is a part of pose-gan ${json.command}, not of pose-gan ${command}; merge it with that command`);
  if (json.library !== VERSION)
    throw refuse(
      `was made by version ${json.library}, but this is version ${VERSION}, whose results may differ; merge the parts with the version ` +
        'that made them, or make this part again',
    );
  const { index, count } = fieldsOf(json.shard, `${file}: shard`);
  if (!isCount(index) || !isCount(count) || index > count)
    throw refuse(`is part ${describe(index)} of ${describe(count)}, which is not possible; it is damaged`);
  for (const [name, value] of Object.entries(fieldsOf(json.work, `${file}: work`)))
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value))
      throw refuse(`has the setting ${name} ${describe(value)}, which is no setting; it is damaged`);
  return json as unknown as Part & Fields;
}

/** A part with the path by which the user knows it. */
export type Named<T extends Part = Part> = T & { readonly path: string };

/** Throws `UsageError` that says what differs if two parts are not parts of the same work, divided in the same way. */
export function expectSameWork(a: Named, b: Named): void {
  const names = new Set([...Object.keys(a.work), ...Object.keys(b.work)]);
  for (const name of names)
    if (a.work[name] !== b.work[name])
      throw new UsageError(
        `${b.path} and ${a.path} are parts of different work: ${name} is ${b.work[name] ?? 'not given'} in the one, ` +
          `${a.work[name] ?? 'not given'} in the other. Fix: make all parts from the same files with the same options`,
      );
  if (a.shard.count !== b.shard.count)
    throw new UsageError(
      `${b.path} is part ${nameOf(b.shard)} and ${a.path} is part ${nameOf(a.shard)} of the same work; parts can be joined if all have ` +
        'the same n in --shard i/n',
    );
}

/**
 * All parts of some work in their order, whatever the order in which they are named. Throws `UsageError` that names the parts if two are
 * parts of different work, if one is named twice, or if one is missing.
 */
export function partsInOrder<T extends Named>(parts: readonly T[], command: string): T[] {
  const [first] = parts;
  if (!first) throw new UsageError(`name the parts: pose-gan ${command} --merge PART…`);
  const found = new Map<number, T>();
  for (const part of parts) {
    expectSameWork(first, part);
    const other = found.get(part.shard.index);
    if (other)
      throw new UsageError(`${other.path} and ${part.path} are both part ${nameOf(part.shard)}; leave one of them out`);
    found.set(part.shard.index, part);
  }
  const { count } = first.shard;
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((index) => !found.has(index));
  if (missing.length)
    throw new UsageError(
      `${missing.length === 1 ? 'part' : 'parts'} ${listed(missing.map((index) => nameOf({ index, count })))} ` +
        `${missing.length === 1 ? 'is' : 'are'} missing. Fix: name what pose-gan ${command} --shard ` +
        `${nameOf({ index: missing[0] as number, count })} has written, or run that`,
    );
  return [...found.keys()].sort((a, b) => a - b).map((index) => found.get(index) as T);
}

/** The note on parts that were computed on different adapters. */
export const differentAdapters = (adapters: readonly string[]) =>
  `The parts were computed on different adapters (${adapters.join('; ')}), which round differently, so the last digits may not be those of one run.`;

const SHOWN = 6;

/** The first of some names, and how many more there are. */
const listed = (names: readonly string[]) =>
  names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '');
