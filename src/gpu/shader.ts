import { checked, STRING, shown } from './arguments.js';
import { UsageError } from './errors.js';

/**
 * A WGSL source and its interface. A shader is a plain WGSL file, in which a line `// #import NAME` stands for the text of
 * `shaders/shared/NAME.wgsl` (`imports.ts`). A kernel is bound by the names of its variables:
 *
 * - `var<storage, read> x` is the op's argument `x`; `var<storage, read_write> y` its result `y`, or a scratch buffer;
 * - `var x: texture_2d<f32>` is the argument `x` as four-channel texels: element e is in texel t = e / 4, which is at
 *   `(t % TEXELS, t / TEXELS)`. The engine copies it there before the dispatch. `texture_storage_2d<rgba32float, read>` reads the
 *   same texture;
 * - `var<uniform> p: Params` holds the launch's numbers by the names of its fields. For an argument `x` the engine fills in the
 *   fields `x_offset` and `x_stride`: element (row r, channel c) of x is at `x_offset + r * x_stride + c`.
 *
 * A parser reads the interface from the source (`wgsl.ts`). It runs when the library is built for the files in `shaders/`, and in
 * `readShader` for other sources.
 */
export interface ShaderSource {
  readonly code: string;
  readonly entryPoint: string;
  /** The variables that the entry point uses. */
  readonly bindings: readonly ShaderBinding[];
  /** The numbers of the uniform variable in the order of their offsets. */
  readonly params: readonly ShaderParam[];
  /** The size of the uniform variable in bytes, or 0 if there is none. */
  readonly paramBytes: number;
  readonly overrides: readonly ShaderOverride[];
  /** WGSL features named by `enable …;` directives. */
  readonly enables: readonly string[];
}

export interface Shader extends ShaderSource {
  /** `op/variant`, the label of every GPU object that is made from it. */
  readonly label: string;
}

/** The width of the textures to which arguments are copied. */
export const TEXELS = 2048;

/** `elements` rounded up to whole rows of a texture, in which buffers are copied. */
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

/** A number of the uniform variable. `name` is the name of its field, `NAME.x` a component of a vector, `NAME[0]` an element. */
export interface ShaderParam {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
  /** Its offset in the uniform variable in bytes. */
  readonly offset: number;
}

export interface ShaderOverride {
  readonly name: string;
  /** The number of its attribute `@id`, if it has one. WebGPU then knows it by this number. */
  readonly id?: number;
}

/** A shader of a source that was imported from a `.wgsl` file, or that was read before. */
export function shader(label: string, source: ShaderSource): Shader {
  return { ...source, label };
}

/** A shader with another variable in place of one: the same kernel reads or writes an argument, a result, or scratch. */
export function withVariable(label: string, source: ShaderSource, from: string, to: string): Shader {
  const code = source.code.replace(new RegExp(`(?<![.\\w])${from}\\b`, 'g'), to);
  const bindings = source.bindings.map((b) => (b.name === from ? { ...b, name: to } : b));
  return shader(label, { ...source, code, bindings });
}

/**
 * Reads a WGSL text. `entryPoint` chooses one of several compute functions. The first call loads the parser. Throws `UsageError`
 * with the reason if the engine cannot bind the text.
 */
export async function readShader(...args: [label: string, code: string, entryPoint?: string]): Promise<Shader> {
  const [label, code, entryPoint] = checked('readShader', { label: STRING, code: STRING, 'entryPoint?': STRING }, args);
  const { readWgsl } = await import('./wgsl.js');
  return shader(label, readWgsl(label, code, entryPoint));
}

/** Whether a value is a number of each type. A number may be infinite, but not become so when it is stored. */
const FITS: Readonly<Record<ShaderParam['type'], (value: unknown) => boolean>> = {
  u32: (v) => typeof v === 'number' && v === v >>> 0,
  i32: (v) => typeof v === 'number' && v === (v | 0),
  f32: (v) => typeof v === 'number' && Number.isFinite(Math.fround(v)) === Number.isFinite(v),
};

/** Writes a launch's numbers into the uniform variable, which begins at byte `at` of `target`. */
export function packParams(target: DataView, at: number, of: Shader, values: Record<string, number>): void {
  for (const { name, type, offset } of of.params) {
    const value = values[name];
    if (value === undefined) throw new UsageError(`${of.label}: no value for Params.${name}`);
    if (!FITS[type](value)) throw new UsageError(`${of.label}: Params.${name} is ${type}, got ${shown(value)}`);
    if (type === 'f32') target.setFloat32(at + offset, value, true);
    else if (type === 'i32') target.setInt32(at + offset, value, true);
    else target.setUint32(at + offset, value, true);
  }
}

/** Replaces the body of `fn NAME(…) -> … { … }` (without inner braces) in a WGSL source, for rows of tables and epilogues. */
export function withFunctionBody(code: string, name: string, body: string): string {
  const pattern = new RegExp(`(\\bfn\\s+${name}\\s*\\([^)]*\\)\\s*->\\s*[^{]+\\{)[^}]*(\\})`);
  if (!pattern.test(code)) throw new Error(`no function ${name} to fill in`);
  return code.replace(pattern, (_, head: string, tail: string) => `${head} ${body.trim()} ${tail}`);
}

const withoutComments = (code: string) => code.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');

/** The functions and constants of a WGSL source, which are between its variables and its entry point. */
export function functionsOf(code: string): string {
  const text = withoutComments(code).split('@compute')[0] as string;
  const last = [...text.matchAll(/@group[^;]*;/g)].at(-1);
  return text.slice(last ? last.index + last[0].length : 0).trim();
}

/** What to add to a WGSL source. */
export interface Addition {
  /** Fields of `struct Params`, which are added before the existing ones. */
  readonly fields: readonly Pick<ShaderParam, 'name' | 'type'>[];
  /** Storage variables and their WGSL types, which get the next free bindings. */
  readonly variables: readonly (Pick<ShaderBinding, 'name'> & { access: 'read' | 'read_write'; type: string })[];
  /** Functions. A function that the source already has is not added again. */
  readonly functions: readonly string[];
}

/**
 * Replaces every store `result[index] = value;` of a shader by `result[i] = f(i, value)`, where f is a function of `addition`.
 * Throws if the source uses `result` in any other way.
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
  const { fields } = addition;
  const packed = of.params.every(({ offset }, i) => offset === 4 * i) && of.paramBytes === 4 * of.params.length;
  const head = /struct\s+Params\s*\{/;
  if (fields.length && !(packed && head.test(code)))
    throw new Error(`${of.label}: work can be fused only where the numbers are a struct Params of u32, i32 and f32`);
  code = code.replace(head, (text) => text + fields.map(({ name, type }) => ` ${name}: ${type},`).join(''));
  const free = 1 + Math.max(...of.bindings.map((b) => b.index));
  const bindings = addition.variables.map(
    ({ name, access }, i): ShaderBinding => ({
      ...{ index: free + i, name },
      type: access === 'read' ? 'read-only-storage' : 'storage',
    }),
  );
  const variables = addition.variables.map(
    ({ name, access, type }, i) => `@group(0) @binding(${free + i}) var<storage, ${access}> ${name}: ${type};`,
  );
  const functions = addition.functions.filter((x) => !code.includes(x));
  return {
    ...of,
    code: [code, ...variables, ...functions].join('\n'),
    bindings: [...of.bindings, ...bindings],
    params: [...fields, ...of.params].map(({ name, type }, i) => ({ name, type, offset: 4 * i })),
    paramBytes: of.paramBytes + 4 * fields.length,
  };
}

/** The position of the bracket that closes the one opened before `from`. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let i = from; i < text.length; i++) {
    if (text[i] === '[') depth++;
    else if (text[i] === ']' && --depth === 0) return i;
  }
  return text.length;
}
