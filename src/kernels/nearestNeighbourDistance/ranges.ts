/** Pixels that one dispatch computes at most, so that none runs into a GPU's time limit. */
const MOST_PIXELS = 2 ** 16;

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Ranges [start, end) that together are [0, count), each of as many groups of `pixels` as one dispatch may compute. */
export function ranges(count: number, pixels = 1): Range[] {
  const most = Math.floor(MOST_PIXELS / pixels);
  const found: Range[] = [];
  for (let start = 0; start < count; start += most) found.push({ start, end: Math.min(count, start + most) });
  return found;
}
