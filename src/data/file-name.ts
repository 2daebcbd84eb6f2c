import { describe } from './json.js';

/** The longest file name in bytes that file systems take. */
const MAX_BYTES = 255;

/**
 * Why a name from a table cannot be the name of a file in the dataset's folder, or `undefined` if it can. A table may come from
 * anybody, so none of its names may lead to another folder.
 */
export function nameProblem(name: string): string | undefined {
  // A quick test for nearly all names, since tables can have millions of them
  if (/^\w[\w .-]{0,80}$/.test(name)) return undefined;
  const wrong = (why: string) => `${describe(name)} cannot be the name of a file: ${why}`;
  if (!name) return wrong('it is empty');
  if (/[/\\]/.test(name) || /^[a-z]:/i.test(name)) return wrong('it names a folder, but all images are in one folder');
  if (name === '.' || name === '..') return wrong('it is a folder');
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return wrong('it has a control character');
  // A character has at most three bytes for each of its code units.
  if (name.length > MAX_BYTES / 3 && new TextEncoder().encode(name).length > MAX_BYTES)
    return wrong(`it has more than ${MAX_BYTES} bytes`);
  return undefined;
}
