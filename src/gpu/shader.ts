/**
 * A shader is a plain WGSL file that compiles alone. The engine reads its interface from the source, so a kernel is bound by
 * the names of its variables:
 *
 * - `var<storage, read> x` is the op's argument `x`; `var<storage, read_write> y` its result `y`, or a scratch buffer;
 * - `var x: texture_2d<f32>` is the argument `x` as four-channel texels: element e is in texel `e / 4`, which is at
 *   `(t % TEXELS, t / TEXELS)`; the engine copies it there before the dispatch. `texture_storage_2d<rgba32float, read>` reads the
 *   same texture;
 * - `struct Params` with `var<uniform> p: Params` holds the launch's numbers by field name. For an argument `x` the fields
 *   `x_offset` and `x_stride` are filled by the engine: element (row r, channel c) of x is at `x_offset + r * x_stride + c`.
 */
export interface Shader {
  /** `op/variant`, used as the label of every GPU object made from it. */
  readonly label: string;
  readonly code: string;
  readonly entryPoint: string;
  readonly bindings: readonly ShaderBinding[];
  /** Fields of `struct Params` in order. */
  readonly params: readonly ShaderParam[];
  readonly overrides: readonly string[];
  /** WGSL features named by `enable …;` directives. */
  readonly enables: readonly string[];
}

/** Width of the textures that arguments are copied to. */
export const TEXELS = 2048;

/** Elements of a buffer that can be copied to a texture in rows, the last one too. */
export function wholeRows(elements: number): number {
  const row = 4 * TEXELS;
  return row * Math.ceil(elements / row);
}

/** A copy of a byte range of a buffer to rows of a texture. */
export interface TextureUpload {
  readonly source: GPUTexelCopyBufferInfo;
  readonly destination: GPUTexelCopyTextureInfo;
  readonly size: readonly [width: number, height: number];
}

export interface ShaderBinding {
  readonly index: number;
  readonly name: string;
  readonly type: 'uniform' | 'read-only-storage' | 'storage' | 'texture';
}

export interface ShaderParam {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
}

/** Reads the interface of a WGSL source. Throws on a source whose interface this engine cannot bind. */
export function shader(label: string, code: string): Shader {
  const text = code.replace(/\/\/[^\n]*/g, '').replace(/\/\*[\s\S]*?\*\//g, '');
  const bindings: ShaderBinding[] = [];
  for (const m of text.matchAll(/@group\((\d+)\)\s*@binding\((\d+)\)\s*var(?:<([^>]*)>)?\s*(\w+)\s*:([^;]*)/g)) {
    const [, group, index, space = '', name = '', rest = ''] = m;
    if (group !== '0') throw new Error(`${label}: variable ${name} is in group ${group}; kernels use group 0 alone`);
    const words = space.split(',').map((w) => w.trim());
    const texture = space === '' && /^\s*texture_(2d<f32|storage_2d<rgba32float, *read)>/.test(rest);
    if (!texture && words[0] !== 'uniform' && words[0] !== 'storage')
      throw new Error(`${label}: variable ${name} must be uniform, storage or a texture of f32 to read`);
    const storage = words[1] === 'read_write' ? 'storage' : 'read-only-storage';
    const type = texture ? 'texture' : words[0] === 'uniform' ? 'uniform' : storage;
    bindings.push({ index: Number(index), name, type });
  }
  const fields = /struct\s+Params\s*\{([^}]*)\}/.exec(text)?.[1] ?? '';
  const params = [...fields.matchAll(/(\w+)\s*:\s*(\w+)/g)].map(([, name = '', type = '']) => {
    if (type !== 'u32' && type !== 'i32' && type !== 'f32')
      throw new Error(`${label}: Params.${name} is ${type}; fields of Params are u32, i32 or f32`);
    return { name, type } as const;
  });
  const entry = /@compute[^{]*?\bfn\s+(\w+)/.exec(text)?.[1];
  if (!entry) throw new Error(`${label}: no @compute entry point`);
  const overrides = [...text.matchAll(/\boverride\s+(\w+)/g)].map((m) => m[1] as string);
  const enables = [...text.matchAll(/\benable\s+([\w\s,]+);/g)].flatMap((m) =>
    (m[1] as string).split(',').map((s) => s.trim()),
  );
  return { label, code, entryPoint: entry, bindings, params, overrides, enables };
}

/** Packs a launch's numbers in the order of `struct Params`. */
export function packParams(target: DataView, at: number, of: Shader, values: Record<string, number>): void {
  for (const [i, { name, type }] of of.params.entries()) {
    const value = values[name];
    if (value === undefined) throw new Error(`${of.label}: no value for Params.${name}`);
    if (type === 'f32') target.setFloat32(at + 4 * i, value, true);
    else if (!Number.isInteger(value)) throw new Error(`${of.label}: Params.${name} is ${type}, got ${value}`);
    else if (type === 'i32') target.setInt32(at + 4 * i, value, true);
    else target.setUint32(at + 4 * i, value, true);
  }
}

/** Replaces the body of `fn NAME(…) -> … { … }` (one pair of braces) in a WGSL source; how table rows and epilogues are put in. */
export function withFunctionBody(code: string, name: string, body: string): string {
  const pattern = new RegExp(`(\\bfn\\s+${name}\\s*\\([^)]*\\)\\s*->\\s*[^{]+\\{)[^}]*(\\})`);
  if (!pattern.test(code)) throw new Error(`no function ${name} to fill in`);
  return code.replace(pattern, (_, head: string, tail: string) => `${head} ${body} ${tail}`);
}

const withoutComments = (code: string) => code.replace(/\/\/[^\n]*/g, '');

/** The functions and constants of a WGSL source: all that stands between its variables and its entry point. */
export function functionsOf(code: string): string {
  const text = withoutComments(code).split('@compute')[0] as string;
  const last = [...text.matchAll(/@group[^;]*;/g)].at(-1);
  return text.slice(last ? last.index + last[0].length : 0).trim();
}

/** What to put into a WGSL source beside its own text. */
export interface Addition {
  /** Fields of `struct Params`, `name: type`. */
  readonly fields: readonly string[];
  /** Variables, `var<storage, read> name: type`; they get the next free bindings. */
  readonly variables: readonly string[];
  /** Functions; one that is there already is not put in again. */
  readonly functions: readonly string[];
}

/**
 * The shader with every store `result[index] = value;` turned into `result[i] = f(i, value)`, where f is a function of
 * `addition`. Throws on a source that uses `result` in any other way.
 */
export function withStores(of: Shader, result: string, f: string, addition: Addition): Shader {
  const text = withoutComments(of.code);
  const used = new RegExp(`(?<![.\\w])${result}\\s*\\[`, 'g');
  let code = '';
  let from = 0;
  for (const m of text.matchAll(used)) {
    const open = m.index + m[0].length;
    const close = closing(text, open);
    const store = /^\]\s*=(?!=)([^;]*);/.exec(text.slice(close));
    if (m.index < from || !store)
      throw new Error(`${of.label}: ${result} must only be stored to, by statements ${result}[index] = value;`);
    const index = text.slice(open, close);
    code += `${text.slice(from, m.index)}{ let fused_at = ${index}; ${result}[fused_at] = ${f}(fused_at,${store[1]}); }`;
    from = close + store[0].length;
  }
  if (from === 0) throw new Error(`${of.label}: no store ${result}[index] = value;`);
  code += text.slice(from);
  const fields = addition.fields.map((x) => ` ${x},`).join('');
  code = code.replace(/struct\s+Params\s*\{/, (head) => head + fields);
  const free = 1 + Math.max(...of.bindings.map((b) => b.index));
  const variables = addition.variables.map((v, i) => `@group(0) @binding(${free + i}) ${v};`);
  const functions = addition.functions.filter((x) => !code.includes(x));
  return shader(of.label, [code, ...variables, ...functions].join('\n'));
}

/** Where the bracket that was opened before `from` closes. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text[i] === '[') depth++;
    else if (text[i] === ']' && --depth === 0) return i;
  }
  return text.length;
}
