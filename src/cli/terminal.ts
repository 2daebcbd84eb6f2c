import { printable } from '../data/printable.js';

/** Prints lines. Each argument is one line: a control character in it belongs to foreign text and is shown escaped. */
export function say(...lines: string[]): void {
  console.log(lines.map(printable).join('\n'));
}

/** Prints a layout of several lines, such as a table; it may end with a line break. */
export function sayLayout(text: string): void {
  say(...text.replace(/\n$/, '').split('\n'));
}

/** Prints lines, as `say` does, on stderr. */
export function complain(...lines: string[]): void {
  process.stderr.write(`${lines.map(printable).join('\n')}\n`);
}

/** Tells what was made of somebody's file. */
export const note = (text: string) => complain(`note: ${text}`);

/** Where a command tells how it goes: on stdout, or on stderr when stdout is for one JSON document. */
export const narrator = (json: boolean) => (json ? complain : say);

/** Prints one JSON document. JSON leaves C1 and directional controls as they are; they occur in strings alone. */
export function sayJson(value: unknown, indent = 2): void {
  console.log(JSON.stringify(value, null, indent).split('\n').map(printable).join('\n'));
}
