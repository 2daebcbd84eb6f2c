import { type Arg, type Call, type Dispatch, type Launch, vec4Ready } from '../autograd/kernel.js';
import type { PointwiseNumber } from '../autograd/op.js';
import { type Addition, type Shader, withStores } from '../gpu/shader.js';
import { present } from '../present.js';
import { kernelArguments } from './choose.js';
import { type EpilogueStep, isLaunched, type KernelCall, type PlacedCall, type Target } from './kernel-call.js';
import { kernelsOf } from './load.js';

const LANES = ['.x', '.y', '.z', '.w'];

/** Writes the steps of every call's epilogue into the kernels that store the op's result. */
export function extend(calls: readonly PlacedCall[], { device }: Target): readonly PlacedCall[] {
  return calls.map((call) => {
    if (!isLaunched(call) || !call.epilogue.length) return call;
    const all: Call = { attrs: call.attrs, arg: kernelArguments(call), device };
    return { ...call, kernel: { ...call.kernel, launch: withEpilogue(call.kernel.launch, all, call) } };
  });
}

function withEpilogue(launch: Launch, call: Call, { op, epilogue }: KernelCall): Launch {
  const result = op.epilogue;
  const stored = result === undefined ? undefined : call.arg[result];
  if (result === undefined || !stored) throw new Error(`${op.name} has no result that elementwise work can be done on`);
  const params: Record<string, number> = { fused_channels: stored.channels };
  for (const [i, step] of epilogue.entries())
    for (const [name, { value }] of usedNumbers(step)) params[numberName(i + 1, name)] = value;
  const stores = ({ shader }: Dispatch) => shader.bindings.some((b) => b.name === result && b.type === 'storage');
  if (!launch.dispatches.some(stores)) throw new Error(`no kernel of ${op.name} stores ${result}`);
  const dispatches = launch.dispatches.map((d): Dispatch => {
    if (!stores(d)) return d;
    return {
      ...d,
      shader: new StoreCode(d.shader, call, result, stored, epilogue).shader(),
      params: { ...d.params, ...params },
    };
  });
  return { ...launch, dispatches };
}

const numberName = (k: number, name: string) => `fused${k}_${name}`;

/** The numbers of a step that occur in its body or in its random words. */
function usedNumbers({ op, attrs }: EpilogueStep): [string, PointwiseNumber][] {
  const { body = '', random, numbers } = op.pointwise ?? {};
  const text = `${body} ${random?.words ?? ''}`;
  return Object.entries(numbers?.(attrs) ?? {}).filter(([name]) => new RegExp(`\\b${name}\\b`).test(text));
}

/**
 * Writes the code that a kernel runs on each value v0, one element or four, before it stores it. The steps compute v1, v2, … in turn.
 * The row and the channel of the element follow from the index at which it is stored.
 */
class StoreCode {
  readonly #p: string;
  readonly #wide: boolean;
  readonly #fields: Addition['fields'][number][] = [{ name: 'fused_channels', type: 'u32' }];
  readonly #variables: Addition['variables'][number][] = [];
  readonly #shared = new Set<string>();
  readonly #functions: string[] = [];
  readonly #body: string[] = [];

  constructor(
    private readonly of: Shader,
    private readonly call: Call,
    private readonly result: string,
    private readonly stored: Arg,
    private readonly epilogue: readonly EpilogueStep[],
  ) {
    this.#p = of.bindings.find((b) => b.type === 'uniform')?.name ?? '';
    this.#wide = new RegExp(`\\b${result}\\s*:\\s*array<vec4`).test(of.code);
  }

  shader(): Shader {
    const { result, epilogue } = this;
    for (const [i, step] of epilogue.entries()) this.#step(step, i + 1);
    for (const [i, { stores }] of epilogue.entries())
      if (stores !== undefined && stores !== result) this.#write(stores, `v${i + 1}`);
    const type = this.#wide ? 'vec4f' : 'f32';
    const at = this.#wide ? '4u * index' : 'index';
    const strided = this.of.params.some((x) => x.name === `${result}_stride`);
    const stride = `${this.#p}.${strided ? `${result}_stride` : 'fused_channels'}`;
    const divided = this.#body.some((l) => /\bcolumn\b/.test(l));
    const lines = [
      `let at = ${strided ? `${at} - ${this.#p}.${result}_offset` : at};`,
      ...(divided ? [`let row = at / ${stride};`, `let column = at % ${stride};`] : []),
      ...this.#body,
      // The kernel's own variable stores the first value that a later call reads.
      `return v${1 + epilogue.findIndex((step) => step.stores === result)};`,
    ];
    const store = lines.map((l) => `  ${l}`).join('\n');
    this.#functions.push(`fn fused_store(index: u32, v0: ${type}) -> ${type} {\n${store}\n}`);
    return withStores(this.of, result, 'fused_store', {
      fields: this.#fields,
      variables: this.#variables,
      functions: [...this.#shared, ...this.#functions],
    });
  }

  #step(step: EpilogueStep, k: number): void {
    const { op, operands, state } = step;
    const { operands: names, body, random } = present(op.pointwise);
    const numbers = usedNumbers(step);
    this.#fields.push(...numbers.map(([name, { type }]) => ({ name: numberName(k, name), type })));
    const lets = numbers.map(([name]) => `let ${name} = ${this.#p}.${numberName(k, name)};`).join(' ');
    const parameters = [...names.map((name) => `${name}: f32`), ...(random ? ['word: u32'] : [])];
    this.#functions.push(`fn fused${k}(${parameters.join(', ')}) -> f32 { ${lets} ${body} }`);
    const values = operands.map((x) => (typeof x === 'number' ? `v${x}` : this.#read(x)));
    const functions = kernelsOf(op, this.call.device).functions ?? '';
    if (random && state !== undefined) this.#words(functions, random.words, state, k, lets);
    const lane = (c: string, word: string) =>
      `fused${k}(${[...values.map((v) => v + c), ...(random ? [`words${k}${word}`] : [])].join(', ')})`;
    const all = LANES.map((c) => lane(c, c)).join(', ');
    this.#body.push(`let v${k} = ${this.#wide ? `vec4f(${all})` : lane('', `[${this.#element} % 4u]`)};`);
  }

  /** Computes the four random words of the element's group of four. */
  #words(functions: string, words: string, name: string, k: number, lets: string): void {
    this.#variables.push({ name, access: 'read', type: 'array<u32>' });
    this.#shared.add(functions);
    const read = [0, 1, 2, 3].map((i) => `${name}[${i}]`).join(', ');
    this.#functions.push(
      `fn fused${k}_words(quad: u32) -> vec4u { ${lets} let state = vec4u(${read}); return ${words}; }`,
    );
    this.#body.push(`let words${k} = fused${k}_words((${this.#element}) / 4u);`);
  }

  get #element(): string {
    const { stride, channels } = this.stored;
    return stride === channels ? 'at' : `(row * ${this.#p}.fused_channels + column)`;
  }

  /** Declares a variable whose element is at `NAME_at`. Returns whether the variable holds vectors of four. */
  #variable(name: string, access: 'read' | 'read_write'): boolean {
    const arg = present(this.call.arg[name]);
    const vectors = this.#wide && vec4Ready(arg);
    this.#variables.push({ name, access, type: `array<${vectors ? 'vec4f' : 'f32'}>` });
    this.#fields.push({ name: `${name}_offset`, type: 'u32' }, { name: `${name}_stride`, type: 'u32' });
    this.#body.push(`let ${name}_at = ${this.#p}.${name}_offset + ${this.#place(name, arg)};`);
    return vectors;
  }

  /** Where the element lies in an argument or result: one value stands for all elements, and a vector for every row. */
  #place(name: string, arg: Arg): string {
    if (this.#isOne(arg)) return '0u';
    // If the rows are as far apart as those of the result, the index needs no division.
    if (arg.stride === this.stored.stride) return 'at';
    return arg.stride ? `row * ${this.#p}.${name}_stride + column` : 'column';
  }

  #isOne({ channels }: Arg): boolean {
    return channels < this.stored.channels;
  }

  #read(name: string): string {
    const vectors = this.#variable(name, 'read');
    const one = `${name}[${name}_at]`;
    const each = LANES.map((_, i) => `${name}[${name}_at + ${i}u]`).join(', ');
    const four = vectors
      ? `${name}[${name}_at / 4u]`
      : `vec4f(${this.#isOne(present(this.call.arg[name])) ? one : each})`;
    this.#body.push(`let ${name}_v = ${this.#wide ? four : one};`);
    return `${name}_v`;
  }

  #write(name: string, value: string): void {
    if (this.#variable(name, 'read_write')) this.#body.push(`${name}[${name}_at / 4u] = ${value};`);
    else if (!this.#wide) this.#body.push(`${name}[${name}_at] = ${value};`);
    else for (const [i, c] of LANES.entries()) this.#body.push(`${name}[${name}_at + ${i}u] = ${value}${c};`);
  }
}
