import { UsageError } from '../gpu/errors.js';
import { isValid, type Pose, type Skeleton } from '../pose/skeleton.js';
import { bodyOf, checkName, fieldOf, fields, type OnBadRow } from './annotations.js';
import { type IdentityRule, identityByName } from './identity.js';
import { describe, shorten } from './json.js';
import { permute } from './order.js';

const HEADER = 'from,to';

/** A source image and a target image of one identity, by file name. */
export type Pair = readonly [from: string, to: string];

/** The names of valid images (all trunk joints present) by identity, in the order of the annotations. */
export function groupByIdentity(
  poses: ReadonlyMap<string, Pose>,
  skeleton: Skeleton,
  rule: IdentityRule = identityByName,
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, pose] of poses) {
    const identity = rule(name);
    if (identity === undefined || !isValid(skeleton, pose)) continue;
    const group = groups.get(identity);
    if (group) group.push(name);
    else groups.set(identity, [name]);
  }
  return groups;
}

/** Far more pairs than any dataset has. The number of pairs of a group grows with the square of its images. */
const MAX_PAIRS = 20_000_000;

/** All ordered pairs of two different images of one group. If there are too many, throws `UsageError` before any is made. */
export function allPairs(groups: ReadonlyMap<string, readonly string[]>): Pair[] {
  let count = 0;
  for (const { length } of groups.values()) count += length * (length - 1);
  if (count > MAX_PAIRS) {
    const [identity, names] = [...groups].reduce((a, b) => (b[1].length > a[1].length ? b : a));
    throw new UsageError(
      `the images give ${count.toLocaleString('en')} pairs, but at most ${MAX_PAIRS.toLocaleString('en')} are possible; ` +
        `${describe(identity)} alone has ${names.length.toLocaleString('en')} images. Fix: use another identity rule`,
    );
  }
  const pairs: Pair[] = [];
  for (const names of groups.values())
    for (const from of names) for (const to of names) if (from !== to) pairs.push([from, to]);
  return pairs;
}

/** `count` different elements of a list, as a pure function of the seed. Throws `UsageError` if there are fewer. */
export function sample<T>(list: readonly T[], count: number, seed: number): T[] {
  if (!Number.isInteger(count) || count < 1 || count > list.length)
    throw new UsageError(`a sample of ${count} was asked for; there are ${list.length}`);
  return Array.from({ length: count }, (_, i) => list[permute(i, list.length, seed)] as T);
}

/**
 * Reads a pairs table: the header `from,to`, then two different image names per row, and no pair twice. `rows` are the row numbers
 * of the pairs, for errors.
 */
export function parsePairs(text: string, file: string, onBad?: OnBadRow): { pairs: Pair[]; rows: number[] } {
  const pairs: Pair[] = [];
  const rows: number[] = [];
  /** Row numbers by source and target. */
  const seen = new Map<string, Map<string, number>>();
  for (const { row, line } of bodyOf(text, file, HEADER)) {
    try {
      const [from, to] = parseRow(line);
      const targets = seen.get(from) ?? new Map<string, number>();
      const before = targets.get(to);
      if (before !== undefined) throw new UsageError(`the pair is already in row ${before}: ${shorten(line)}`);
      seen.set(from, targets.set(to, row));
      pairs.push([from, to]);
      rows.push(row);
    } catch (error) {
      const bad = new UsageError(`${file}, row ${row}: ${(error as Error).message}`);
      if (!onBad) throw bad;
      onBad(bad);
    }
  }
  return { pairs, rows };
}

function parseRow(line: string): Pair {
  const names = fields(line, ',');
  const [from, to] = names;
  if (from && from === to) throw new UsageError(`an image is paired with itself: ${shorten(line)}`);
  if (names.length !== 2 || !from || !to)
    throw new UsageError(`it must be two image names with a comma between: ${shorten(line)}`);
  return [checkName(from), checkName(to)];
}

/** The text of a pairs table. */
export function formatPairs(pairs: readonly Pair[]): string {
  return `${HEADER}\n${pairs.map((pair) => `${pair.map(fieldOf).join(',')}\n`).join('')}`;
}

/** Figures by which a user can judge whether the identity rule fits the file names. */
export interface PairSummary {
  readonly rows: number;
  readonly valid: number;
  /** The number of valid images that the rule excludes from all pairs. */
  readonly neverPaired: number;
  readonly identities: number;
  readonly pairs: number;
  readonly imagesPerIdentity: { readonly min: number; readonly median: number; readonly max: number };
  /** A few identities with their numbers of images, the largest first. */
  readonly examples: readonly { readonly identity: string; readonly images: number }[];
  readonly warnings: readonly string[];
}

/** Counts images, identities and pairs, and warns if the numbers suggest that the identity rule is wrong. */
export function summarise(
  poses: ReadonlyMap<string, Pose>,
  skeleton: Skeleton,
  rule: IdentityRule = identityByName,
): PairSummary {
  const valid = [...poses].filter(([, pose]) => isValid(skeleton, pose));
  const groups = [...groupByIdentity(poses, skeleton, rule)].sort((a, b) => b[1].length - a[1].length);
  const sizes = groups.map(([, names]) => names.length);
  const images = sizes.reduce((s, n) => s + n, 0);
  const alone = sizes.filter((n) => n === 1).length;
  const warnings: string[] = [];
  if (!valid.length) warnings.push(`no image has all of ${skeleton.trunk.joints.join(', ')}`);
  else if (!images) warnings.push('the identity rule excludes every image from the pairs');
  else if (groups.length === 1 && images > 50)
    warnings.push(`all ${images} images are of one identity, "${groups[0]?.[0]}": the identity rule looks wrong`);
  else if (alone > 0.9 * groups.length && images > 1)
    warnings.push(`${alone} of ${groups.length} identities have one image only: the identity rule looks wrong`);
  else if ((sizes[0] ?? 0) > 0.5 * images && groups.length > 2 && images > 50)
    warnings.push(`"${groups[0]?.[0]}" has ${sizes[0]} of ${images} images: the identity rule looks wrong`);
  const shown = [...new Set([0, Math.floor(groups.length / 2), groups.length - 1])];
  return {
    rows: poses.size,
    valid: valid.length,
    neverPaired: valid.length - images,
    identities: groups.length,
    pairs: sizes.reduce((s, n) => s + n * (n - 1), 0),
    imagesPerIdentity: { min: sizes.at(-1) ?? 0, median: sizes[Math.floor(sizes.length / 2)] ?? 0, max: sizes[0] ?? 0 },
    examples: shown.flatMap((i) => {
      const group = groups[i];
      return group ? [{ identity: group[0], images: group[1].length }] : [];
    }),
    warnings,
  };
}

/** How many images of a table are in no pair, and how many of these can be in none, because their trunk is not complete. */
export interface Unpaired {
  readonly images: number;
  readonly incomplete: number;
}

/** Counts the images of a table that are in none of these pairs. */
export function unpairedOf(poses: ReadonlyMap<string, Pose>, pairs: readonly Pair[], skeleton: Skeleton): Unpaired {
  const paired = new Set(pairs.flat());
  const others = [...poses].filter(([name]) => !paired.has(name));
  return { images: others.length, incomplete: others.filter(([, pose]) => !isValid(skeleton, pose)).length };
}

/** What to add to the number of a dataset's images in a message, which is nothing if all images are in pairs. */
export function unpairedText({ images, incomplete }: Unpaired, { trunk }: Skeleton): string {
  if (!images) return '';
  const some = incomplete < images ? `${incomplete} of them ` : '';
  const why = incomplete ? `, ${some}because one of the joints ${trunk.joints.join(', ')} is not visible` : '';
  return ` (${images} more ${images === 1 ? 'is' : 'are'} in no pair${why})`;
}
