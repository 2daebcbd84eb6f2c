import { describe } from './json.js';

/** Most bytes of a file name; file systems end there. */
const MOST_BYTES = 255;

/**
 * Why a name out of a table cannot be that of a file in the table's own folder; nothing when it can. A table comes from anybody:
 * none of its names may lead to another folder.
 */
export function nameProblem(name: string): string | undefined {
  // Nearly all names, in tables with millions of them
  if (/^\w[\w .-]{0,80}$/.test(name)) return undefined;
  const wrong = (why: string) => `${describe(name)} cannot be the name of a file: ${why}`;
  if (!name) return wrong('it is empty');
  if (/[/\\]/.test(name) || /^[a-z]:/i.test(name)) return wrong('it names a folder, and images lie in one folder');
  if (name === '.' || name === '..') return wrong('it is a folder');
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return wrong('it has a control character');
  // A character has at most three bytes for each of its code units.
  if (name.length > MOST_BYTES / 3 && new TextEncoder().encode(name).length > MOST_BYTES)
    return wrong(`it has more than ${MOST_BYTES} bytes`);
  return undefined;
}
