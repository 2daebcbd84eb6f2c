import { UsageError } from '../gpu/errors.js';
import { fileKind } from './file-kind.js';

/** The largest sizes of a table and of any other text in bytes. Their parsed content takes ten times as much memory. */
export const MAX_BYTES = { table: 128e6, text: 16e6 };

/**
 * The text of a user's UTF-8 file, without its byte order mark. Throws a `UsageError` that names the file and its purpose if it has
 * another encoding, is not text, is empty, or is too large.
 */
export function decodeText(bytes: Uint8Array, file: string, what = 'file', max = MAX_BYTES.text): string {
  const refuse = (why: string) => new UsageError(`cannot read the ${what} ${file}: it ${why}`);
  if (bytes.length > max) throw refuse(`has more than ${(max / 1e6).toLocaleString('en')} MB, which is the limit`);
  const wide = wideEncoding(bytes);
  if (wide) throw refuse(`is a text in ${wide}. Save it as UTF-8.`);
  const kind = fileKind(bytes);
  // Texts and unknown kinds have no advice.
  if (kind?.advice) throw refuse(`is ${kind.name}. ${kind.advice}`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse(kind ? `is ${kind.name}` : 'is not UTF-8 text. Save it as UTF-8.');
  }
  if (text.includes('\0')) throw refuse(`is ${kind?.name ?? 'not text: it has zero bytes'}`);
  return text;
}

/** Recognises UTF-16 or UTF-32 by its mark, or by zero bytes in the first character, which is ASCII in all files that are read here. */
function wideEncoding([a, b, c, d]: Uint8Array): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  const [marked, swapped] = [a === 0xff && b === 0xfe, a === 0xfe && b === 0xff];
  if ((marked && c === 0 && d === 0) || (a === 0 && b === 0 && ((c === 0xfe && d === 0xff) || (c === 0 && d))))
    return 'UTF-32';
  if (a && !b && c === 0 && d === 0) return 'UTF-32';
  return marked || swapped || (a > 0 && b === 0 && c !== 0) || (a === 0 && b > 0) ? 'UTF-16' : undefined;
}
