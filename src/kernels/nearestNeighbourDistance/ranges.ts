/** The most pixels that one dispatch computes, so that none exceeds the time limit of a GPU. */
const MOST_PIXELS = 2 ** 16;

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Divides [0, count) into ranges [start, end), each with as many groups of `pixels` as one dispatch may compute. */
export function ranges(count: number, pixels = 1): Range[] {
  const most = Math.floor(MOST_PIXELS / pixels);
  const found: Range[] = [];
  for (let start = 0; start < count; start += most) found.push({ start, end: Math.min(count, start + most) });
  return found;
}
