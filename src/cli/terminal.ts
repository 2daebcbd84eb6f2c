import { printable } from '../data/printable.js';

/** Prints lines. Each argument is one line. Control characters in it come from outside and are shown escaped. */
export function say(...lines: string[]): void {
  console.log(lines.map(printable).join('\n'));
}

/** Prints a text of several lines, such as a table. It may end with a line break. */
export function sayLayout(text: string): void {
  say(...text.replace(/\n$/, '').split('\n'));
}

/** Prints lines, as `say` does, on stderr. */
export function complain(...lines: string[]): void {
  process.stderr.write(`${lines.map(printable).join('\n')}\n`);
}

/** Prints a note on how a user's file was interpreted. */
export const note = (text: string) => complain(`note: ${text}`);

/** The function that prints a command's log: on stdout, or on stderr if stdout is for one JSON document. */
export const logger = (json: boolean) => (json ? complain : say);

/** Prints one JSON document. C1 and directional control characters, which JSON does not escape, are escaped; they occur only in strings. */
export function sayJson(value: unknown, indent = 2): void {
  console.log(JSON.stringify(value, null, indent).split('\n').map(printable).join('\n'));
}
