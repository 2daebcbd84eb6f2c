/** The identity of the person on an image, by its file name, or `undefined` for an image that must not be paired. */
export type IdentityRule = (name: string) => string | undefined;

/**
 * The spec's rule (§1): the identity is the file name up to the first `_`. Names that start with `-1` (junk) and the
 * identity `0000` (distractors of Market-1501) are never paired.
 */
export const firstUnderscore: IdentityRule = (name) => {
  if (name.startsWith('-1')) return undefined;
  const identity = name.includes('_') ? name.slice(0, name.indexOf('_')) : name.replace(/\.[^.]*$/, '');
  return identity === '0000' ? undefined : identity;
};

/** A picture of DeepFashion's In-shop benchmark, whose folders were joined to one file name, as in `fashionWOMENDressesid0000386607_1front.jpg`. */
export interface InShopName {
  /** The person, eight digits. */
  readonly person: string;
  /** The name up to the number of the clothes. Pictures with the same one show the same person in the same clothes. */
  readonly clothing: string;
}

/** The parts of an In-shop name, or `undefined` for another name. The category may contain `_`, as in `Jackets_Vests`. */
export function inShopName(name: string): InShopName | undefined {
  const match = /^(.*?id_?(\d{8})_?\d{2})_/.exec(name);
  return match ? { person: match[2] as string, clothing: match[1] as string } : undefined;
}

/**
 * The default rule of pairs. For In-shop names the identity is the person in one set of clothes, because another set is another
 * appearance; other names follow `firstUnderscore`, which would take every person in `Jackets_Vests` for one.
 */
export const identityByName: IdentityRule = (name) => inShopName(name)?.clothing ?? firstUnderscore(name);

/** Who is on a picture, by its file name: `identityByName`, but a picture that is never paired is an identity of its own. */
export const identityOf = (name: string): string => identityByName(name) ?? name;

/** What the two halves of a dataset share. */
export interface SplitOverlap {
  /** The number of identities in the test half. */
  readonly identities: number;
  /** How many of them are in the training half too. A fair test has none. */
  readonly shared: number;
  /** For In-shop names, the number of people in the test half, and how many of them are in the training half in other clothes. */
  readonly people?: { readonly count: number; readonly shared: number };
}

/** Compares the names of the two halves. In-shop is split by clothing, so people may be in both halves, but no clothes. */
export function splitOverlap(train: Iterable<string>, test: Iterable<string>): SplitOverlap {
  const [trained, tested] = [[...train], [...test]];
  const count = (key: (name: string) => string | undefined) => {
    const known = new Set(trained.map(key));
    const keys = [...new Set(tested.map(key))].filter((k) => k !== undefined);
    return { count: keys.length, shared: keys.filter((k) => known.has(k)).length };
  };
  const { count: identities, shared } = count(identityOf);
  const people = count((name) => inShopName(name)?.person);
  return { identities, shared, ...(people.count ? { people } : {}) };
}
