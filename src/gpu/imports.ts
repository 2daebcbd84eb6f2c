import { UsageError } from './errors.js';

/** The texts of `shaders/shared/NAME.wgsl` by their names: parts of WGSL that several kernels use. */
export type SharedWgsl = ReadonlyMap<string, string>;

/** A line `// #import NAME`. */
const IMPORT = /^\s*\/\/\s*#import\b(.*)$/;

/**
 * A WGSL text in which every line `// #import NAME` is replaced by the shared part NAME. A part may import others; each is put in
 * once, where it is asked for first. `oneLine` puts every part on the line of its import, so that the numbers of the file's own
 * lines stay what they are. Throws `UsageError` with file and line on a name that is unknown or missing, and on parts that import
 * each other in a circle.
 */
export function withImports(file: string, code: string, shared: SharedWgsl, { oneLine = false } = {}): string {
  const done = new Set<string>();
  const expand = (from: string, text: string, path: readonly string[]): string => {
    const lines: string[] = [];
    for (const [i, line] of text.split('\n').entries()) {
      const name = IMPORT.exec(line.trimEnd())?.[1]?.trim();
      if (name === undefined) {
        lines.push(line);
        continue;
      }
      const where = `${from}: line ${i + 1}: // #import ${name}`;
      if (path.includes(name)) throw new UsageError(`${where}: a circle of imports, ${[...path, name].join(' → ')}`);
      const part = shared.get(name);
      if (part === undefined)
        throw new UsageError(
          `${where}: there is no shaders/shared/${name || 'NAME'}.wgsl; there are ${[...shared.keys()].join(', ') || 'none'}`,
        );
      const again = done.has(name);
      done.add(name);
      const added = again ? '' : expand(`shaders/shared/${name}.wgsl`, part.trimEnd(), [...path, name]);
      if (oneLine && path.length === 0) lines.push(joined(added));
      else if (!again) lines.push(added);
    }
    return lines.join('\n');
  };
  return expand(file, code, []);
}

/** A text on one line, without its comments. */
function joined(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ');
}

/** Throws `UsageError` on a WGSL text with a line `// #import NAME`, where the shared parts are not at hand. */
export function refuseImports(file: string, code: string): void {
  for (const [i, line] of code.split('\n').entries())
    if (IMPORT.test(line.trimEnd()))
      throw new UsageError(
        `${file}: line ${i + 1}: ${line.trim()} stands for a part that the kernels in shaders/ share; it is put in when the ` +
          'library is built, in a file given as --kernel and on the page of kernels. Here, write the text of the part instead',
      );
}
