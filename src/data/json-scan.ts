/** The deepest nesting of a JSON text that is read. A text that nests deeper is an attack rather than a document. */
const MAX_JSON_DEPTH = 64;

const [QUOTE, BACKSLASH, COLON, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, MINUS, POINT] = [...'"\\:{}[]-.'].map((c) =>
  c.charCodeAt(0),
);

export interface ScanOptions {
  readonly depth?: number;
  /** Whether every number must be a count. `-0`, `1.0` and `1e0` are not counts, although `JSON.parse` gives the same values. */
  readonly counts?: boolean;
}

/**
 * Throws an `Error` for what `JSON.parse` silently accepts: a name that occurs twice in one object (it keeps the last), and
 * nesting that fills the memory. It checks nothing else, so `JSON.parse` must still be called.
 */
export function scanJson(text: string, { depth = MAX_JSON_DEPTH, counts = false }: ScanOptions = {}): void {
  /** The names of every open object; lists have none. */
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === OPEN || c === OPEN_LIST) {
      open.push(c === OPEN ? new Set() : undefined);
      if (open.length > depth) throw new Error(`it nests more than ${depth} levels deep`);
    } else if (c === CLOSE || c === CLOSE_LIST) open.pop();
    else if (c === QUOTE) {
      const from = i;
      i = endOfString(text, i);
      const names = open.at(-1);
      if (!names || !isName(text, i)) continue;
      const plain = text.slice(from + 1, i);
      const name = plain.includes('\\') ? (JSON.parse(text.slice(from, i + 1)) as string) : plain;
      if (names.has(name)) throw new Error(`the name ${shown(name)} occurs twice`);
      names.add(name);
    } else if (counts && (c === MINUS || c === POINT || (isDigit(text, i) && /e/i.test(text[i + 1] ?? ''))))
      throw new Error(`the number near ${shown(text.slice(Math.max(0, i - 8), i + 8))} is not a count`);
  }
}

const isDigit = (text: string, i: number) => text.charCodeAt(i) >= 0x30 && text.charCodeAt(i) <= 0x39;

/** The position of the quotation mark that ends the string at `from`, or the end of the text. */
function endOfString(text: string, from: number): number {
  let i = from + 1;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return Math.min(i, text.length);
}

/** Whether a colon follows the string that ends at `end`. */
function isName(text: string, end: number): boolean {
  let i = end + 1;
  while (i < text.length && text.charCodeAt(i) <= 0x20) i++;
  return text.charCodeAt(i) === COLON;
}

/** Text or JSON from a file for an error: quoted, with control characters escaped, and cut to a readable length. */
export function shown(value: unknown, length = 80): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** A name from a file for an error: as it is if it is plain, otherwise as `shown` gives it. */
export function shownName(name: string): string {
  return /^[\w./-]{1,80}$/.test(name) ? name : shown(name);
}
