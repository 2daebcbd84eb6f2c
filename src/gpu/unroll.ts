import { type Shader, type ShaderSource, shader } from './shader.js';

/**
 * Unrolls a kernel, because software adapters keep an array in memory, not in registers, while a loop indexes it. In
 * the source,
 *
 * - `const NAME = 4u;` gets the value given for NAME, if there is one;
 * - `for (var i = 0u; i < N; i++) { … }` with a constant N becomes N blocks in which `i` is replaced by its value;
 * - `var a = array<T, N>();` becomes N variables `a_0`, `a_1`, … that start at zero, and `a[index]` becomes one of
 * them;
 * - `subgroupShuffle(v, index)` becomes `subgroupBroadcast`, which requires a constant index.
 *
 * Bounds and indices are sums and products of numbers and constants. Loops with other bounds, and those whose condition
 * is `!=`, stay as they are. The source itself is plain WGSL that computes the same. Throws if an array index is not
 * constant.
 */
export function unroll(source: string, values: Readonly<Record<string, number>>): string {
  const constants = new Map<string, number>();
  let code = source.replace(/^const (\w+) = ([^;]+);/gm, (line, name: string, text: string) => {
    const value = values[name] ?? constant(text, constants);
    if (value === undefined) return line;
    constants.set(name, value);
    return `const ${name} = ${value}u;`;
  });
  const unknown = Object.keys(values).find((name) => !constants.has(name));
  if (unknown !== undefined) throw new Error(`the shader has no constant ${unknown}`);
  code = unrollLoops(code, constants);
  for (const [whole, name = '', type, size = ''] of code.matchAll(/\bvar (\w+) = array<([\w<>]+), ([^>;]+)>\(\);/g)) {
    const count = constant(size, constants);
    if (count === undefined) continue;
    const each = Array.from({ length: count }, (_, i) => `var ${name}_${i} = ${type}();`);
    code = replaceIndices(code.replace(whole, each.join(' ')), name, constants);
  }
  return code.replace(/subgroupShuffle\((\w+), ([^()]+)\)/g, (text, value: string, lane: string) => {
    const index = constant(lane, constants);
    return index === undefined ? text : `subgroupBroadcast(${value}, ${index}u)`;
  });
}

function unrollLoops(code: string, constants: ReadonlyMap<string, number>): string {
  const head = /for \(var (\w+) = 0u; \1 < ([^;]+); \1\+\+\) \{/g;
  for (let m = head.exec(code); m; m = head.exec(code)) {
    const [text, name = '', bound = ''] = m;
    const count = constant(bound, constants);
    if (count === undefined) continue;
    const start = m.index + text.length;
    const end = closing(code, start, '{', '}');
    const body = code.slice(start, end);
    const copies = Array.from(
      { length: count },
      (_, i) => `{${body.replace(new RegExp(`(?<![.\\w])${name}\\b`, 'g'), `${i}u`)}}`,
    );
    code = code.slice(0, m.index) + copies.join('\n') + code.slice(end + 1);
    head.lastIndex = m.index;
  }
  return code;
}

function replaceIndices(code: string, name: string, constants: ReadonlyMap<string, number>): string {
  const use = new RegExp(`(?<![.\\w])${name}\\[`, 'g');
  for (let m = use.exec(code); m; m = use.exec(code)) {
    const start = m.index + m[0].length;
    const end = closing(code, start, '[', ']');
    const index = constant(code.slice(start, end), constants);
    if (index === undefined) throw new Error(`${name}[${code.slice(start, end)}]: the index is not constant`);
    code = `${code.slice(0, m.index)}${name}_${index}${code.slice(end + 1)}`;
  }
  return code;
}

/** Returns where the bracket that was opened before `start` closes. */
function closing(code: string, start: number, open: string, close: string): number {
  let depth = 1;
  for (let i = start; i < code.length; i++) {
    if (code[i] === open) depth++;
    else if (code[i] === close && --depth === 0) return i;
  }
  throw new Error(`no ${close} closes ${code.slice(start)}`);
}

/**
 * Returns the value of an expression of unsigned numbers and constants with + * / % and parentheses, or nothing when it
 * contains anything else.
 */
function constant(text: string, constants: ReadonlyMap<string, number>): number | undefined {
  const tokens = text.match(/\d+u?|\w+|\S/g) ?? [];
  let at = 0;
  const sum = (): number => {
    let value = product();
    while (tokens[at] === '+') {
      at++;
      value += product();
    }
    return value;
  };
  const product = (): number => {
    let value = factor();
    for (let f = tokens[at] ?? ''; '*/%'.includes(f) && f; f = tokens[at] ?? '') {
      at++;
      const by = factor();
      value = f === '*' ? value * by : f === '/' ? Math.floor(value / by) : value % by;
    }
    return value;
  };
  const factor = (): number => {
    const token = tokens[at++] ?? '';
    if (token === '(') {
      const value = sum();
      return tokens[at++] === ')' ? value : Number.NaN;
    }
    return /^\d+u?$/.test(token) ? Number.parseInt(token, 10) : (constants.get(token) ?? Number.NaN);
  };
  const value = sum();
  return at === tokens.length && !Number.isNaN(value) ? value : undefined;
}

type Constants = Readonly<Record<string, number>>;

/**
 * Returns a function from constants to the unrolled kernel, which is unrolled and parsed when it is first asked for.
 */
export function unrolledShader(
  label: string,
  source: ShaderSource,
  make: (label: string, source: ShaderSource, constants: Constants) => Shader = shader,
): (constants: Constants) => Shader {
  const made = new Map<string, Shader>();
  return (constants) => {
    const name = `${label}-${Object.values(constants).join('x')}`;
    let found = made.get(name);
    if (!found) {
      found = make(name, { ...source, code: unroll(source.code, constants) }, constants);
      made.set(name, found);
    }
    return found;
  };
}
