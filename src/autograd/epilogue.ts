import { type Shader, withStores } from '../gpu/shader.js';
import {
  type Arg,
  arg,
  type Call,
  type Dispatch,
  type Launch,
  type Op,
  type Pointwise,
  type PointwiseNumber,
  vec4Ready,
} from './op.js';
import { Node, type Tensor } from './tensor.js';

/** One elementwise node whose work the kernel of an earlier one does. */
export interface Link {
  readonly node: Node;
  /** For each operand: a value of the chain (0 what the first node makes, k what link k makes), or a tensor to read. */
  readonly operands: readonly (number | Tensor)[];
  /** Whether its result is stored, because something else reads it. */
  readonly stored: boolean;
}

/** The links after a node, as its kernels see them. */
interface Chain {
  readonly op: Op;
  /** The variable that the kernels store to, */
  readonly result: string;
  readonly links: readonly Link[];
  /** which holds this value, */
  readonly primary: number;
  /** and the values that are stored besides. */
  readonly stored: readonly number[];
}

const LANES = ['.x', '.y', '.z', '.w'];

/** Names of what link k adds to the first node's arguments and results. */
const operandName = (k: number, name: string) => `fused${k}_${name}`;
const resultName = (k: number) => `fused${k}_result`;

/**
 * One node in place of several: it runs as `first`, whose kernels compute the links' values of every element they store. The
 * element itself is stored only where `keep` says that something else reads it.
 */
export function fusedNode(first: Node, keep: boolean, links: readonly Link[]): Node {
  const name = first.op.epilogue as string;
  const stored = links.flatMap((l, i) => (l.stored ? [i + 1] : []));
  // The variable of the first node's result holds the first value that is stored; the others get variables of their own.
  const primary = keep ? 0 : (stored.shift() as number);
  const result = (k: number) => links[k - 1]?.node.outputs[0] as Tensor;
  const outputs = [...first.outputs];
  if (primary) outputs[first.op.results.indexOf(name)] = result(primary);
  const sides = links.flatMap((link, i) => sidesOf(link, i + 1));
  const inputs = first.op.args.map((_, i) => first.inputs[i]);
  const op: Op = {
    ...first.op,
    args: [...first.op.args, ...sides.map((s) => s.name)],
    results: [...first.op.results, ...stored.map(resultName)],
    strided: [
      ...(first.op.strided ?? []),
      ...sides.filter((s) => s.pointwise).map((s) => s.name),
      ...stored.map(resultName),
    ],
    fusion: {
      node: first,
      names: links.map((l) => l.node.op.name),
      own: (call) => ownCall(first.op, call),
      extend: (launch, call) => extend(launch, call, { op: first.op, result: name, links, primary, stored }),
    },
    cost: (call) => fusedCost(first.op, call, links, stored.length),
  };
  return new Node(op, [...inputs, ...sides.map((s) => s.tensor)], first.attrs, [], first.outputs[0]?.name, [
    ...outputs,
    ...stored.map(result),
  ]);
}

/** What a link reads: operands at the element, and the state of its generator. */
export function sidesOf(link: Link, k: number): { name: string; tensor: Tensor; pointwise: boolean }[] {
  const { args, pointwise } = link.node.op;
  const sides = link.operands.flatMap((x, i) =>
    typeof x === 'number'
      ? []
      : [{ name: operandName(k, pointwise?.operands[i] as string), tensor: x, pointwise: true }],
  );
  const state = pointwise?.random?.state;
  if (state !== undefined)
    sides.push({
      name: operandName(k, state),
      tensor: link.node.inputs[args.indexOf(state)] as Tensor,
      pointwise: false,
    });
  return sides;
}

/** A call of a fused op without what the links added. */
function ownCall({ args, results }: Op, call: Call): Call {
  const own = new Set([...args.map((a) => a.replace('?', '')), ...results]);
  return { ...call, arg: Object.fromEntries(Object.entries(call.arg).filter(([name]) => own.has(name))) };
}

/** Work of all; bytes of the first, of the links' other operands, and of `more` results. */
function fusedCost(first: Op, call: Call, links: readonly Link[], more: number) {
  const own = arg(call, first.epilogue as string);
  const cost = { ...(first.cost?.(call) ?? { flops: 0, bytes: 0 }) };
  for (const { node, operands } of links) {
    const names = [...(node.op.pointwise?.operands ?? []), ...node.op.results];
    const alone = Object.fromEntries(names.map((name) => [name, own]));
    cost.flops += node.op.cost?.({ ...call, attrs: node.attrs, arg: alone }).flops ?? 0;
    cost.bytes += 4 * own.rows * own.channels * operands.filter((x) => typeof x !== 'number').length;
  }
  cost.bytes += 4 * own.rows * own.channels * more;
  return cost;
}

/** The launch with the links put into every kernel that stores the result. */
function extend(launch: Launch, call: Call, chain: Chain): Launch {
  const { result, links } = chain;
  const params: Record<string, number> = { fused_channels: arg(call, result).channels };
  for (const [i, { node }] of links.entries())
    for (const [name, { value }] of usedNumbers(node)) params[operandName(i + 1, name)] = value;
  const stores = ({ shader }: Dispatch) => shader.bindings.some((b) => b.name === result && b.type === 'storage');
  if (!launch.dispatches.some(stores)) throw new Error(`no kernel of ${chain.op.name} stores ${result}`);
  const dispatches = launch.dispatches.map((d): Dispatch => {
    if (!stores(d)) return d;
    const shader = new StoreCode(d.shader, call, chain).shader();
    return { ...d, shader, params: { ...d.params, ...params } };
  });
  return { ...launch, dispatches };
}

/** The numbers of a link that its body or its random words use. */
function usedNumbers({ op, attrs }: Node): [string, PointwiseNumber][] {
  const { body = '', random, numbers } = op.pointwise ?? {};
  const text = `${body} ${random?.words ?? ''}`;
  return Object.entries(numbers?.(attrs) ?? {}).filter(([name]) => new RegExp(`\\b${name}\\b`).test(text));
}

/**
 * What a kernel does with each value v0 that it stores, one element or four: v1, v2, … by the links in turn. The element's row
 * and channel follow from the index that it is stored at.
 */
class StoreCode {
  readonly #p: string;
  readonly #wide: boolean;
  readonly #fields = ['fused_channels: u32'];
  readonly #variables: string[] = [];
  readonly #shared = new Set<string>();
  readonly #functions: string[] = [];
  readonly #body: string[] = [];

  constructor(
    private readonly of: Shader,
    private readonly call: Call,
    private readonly chain: Chain,
  ) {
    this.#p = of.bindings.find((b) => b.type === 'uniform')?.name ?? '';
    this.#wide = new RegExp(`\\b${chain.result}\\s*:\\s*array<vec4`).test(of.code);
  }

  shader(): Shader {
    const { result, links, primary, stored } = this.chain;
    for (const [i, link] of links.entries()) this.#link(link, i + 1);
    for (const k of stored) this.#write(resultName(k), `v${k}`);
    const type = this.#wide ? 'vec4f' : 'f32';
    const at = this.#wide ? '4u * index' : 'index';
    const strided = this.of.params.some((x) => x.name === `${result}_stride`);
    const stride = `${this.#p}.${strided ? `${result}_stride` : 'fused_channels'}`;
    const divided = this.#body.some((l) => /\bcolumn\b/.test(l));
    const lines = [
      `let at = ${strided ? `${at} - ${this.#p}.${result}_offset` : at};`,
      ...(divided ? [`let row = at / ${stride};`, `let column = at % ${stride};`] : []),
      ...this.#body,
      `return v${primary};`,
    ];
    const store = lines.map((l) => `  ${l}`).join('\n');
    this.#functions.push(`fn fused_store(index: u32, v0: ${type}) -> ${type} {\n${store}\n}`);
    return withStores(this.of, result, 'fused_store', {
      fields: this.#fields,
      variables: this.#variables,
      functions: [...this.#shared, ...this.#functions],
    });
  }

  #link({ node, operands }: Link, k: number): void {
    const { operands: names, body, random } = node.op.pointwise as Pointwise;
    const numbers = usedNumbers(node);
    this.#fields.push(...numbers.map(([name, { type }]) => `${operandName(k, name)}: ${type}`));
    const lets = numbers.map(([name]) => `let ${name} = ${this.#p}.${operandName(k, name)};`).join(' ');
    const parameters = [...names.map((name) => `${name}: f32`), ...(random ? ['word: u32'] : [])];
    this.#functions.push(`fn fused${k}(${parameters.join(', ')}) -> f32 { ${lets} ${body} }`);
    const values = operands.map((x, i) =>
      typeof x === 'number' ? `v${x}` : this.#read(operandName(k, names[i] as string)),
    );
    if (random) this.#words(random, k, lets);
    const lane = (c: string, word: string) =>
      `fused${k}(${[...values.map((v) => v + c), ...(random ? [`words${k}${word}`] : [])].join(', ')})`;
    const all = LANES.map((c) => lane(c, c)).join(', ');
    this.#body.push(`let v${k} = ${this.#wide ? `vec4f(${all})` : lane('', `[${this.#element} % 4u]`)};`);
  }

  /** The four random words of the element's quad. */
  #words({ state, words, functions }: NonNullable<Pointwise['random']>, k: number, lets: string): void {
    const name = operandName(k, state);
    this.#variables.push(`var<storage, read> ${name}: array<u32>`);
    this.#shared.add(functions());
    const read = [0, 1, 2, 3].map((i) => `${name}[${i}]`).join(', ');
    this.#functions.push(
      `fn fused${k}_words(quad: u32) -> vec4u { ${lets} let state = vec4u(${read}); return ${words}; }`,
    );
    this.#body.push(`let words${k} = fused${k}_words((${this.#element}) / 4u);`);
  }

  get #element(): string {
    const { stride, channels } = arg(this.call, this.chain.result);
    return stride === channels ? 'at' : `(row * ${this.#p}.fused_channels + column)`;
  }

  /** Declares a variable that has the element at `NAME_at`; whether it holds vectors of four. */
  #variable(name: string, access: string): boolean {
    const vectors = this.#wide && vec4Ready(this.call.arg[name]);
    this.#variables.push(`var<storage, ${access}> ${name}: array<${vectors ? 'vec4f' : 'f32'}>`);
    this.#fields.push(`${name}_offset: u32`, `${name}_stride: u32`);
    // Where rows are as far apart as the result's, the place in one follows from that in the other without a division.
    const { stride } = this.call.arg[name] as Arg;
    const at = stride === arg(this.call, this.chain.result).stride ? 'at' : `row * ${this.#p}.${name}_stride + column`;
    this.#body.push(`let ${name}_at = ${this.#p}.${name}_offset + ${at};`);
    return vectors;
  }

  #read(name: string): string {
    const vectors = this.#variable(name, 'read');
    const each = LANES.map((_, i) => `${name}[${name}_at + ${i}u]`).join(', ');
    const value = vectors ? `${name}[${name}_at / 4u]` : this.#wide ? `vec4f(${each})` : `${name}[${name}_at]`;
    this.#body.push(`let ${name}_v = ${value};`);
    return `${name}_v`;
  }

  #write(name: string, value: string): void {
    if (this.#variable(name, 'read_write')) this.#body.push(`${name}[${name}_at / 4u] = ${value};`);
    else if (!this.#wide) this.#body.push(`${name}[${name}_at] = ${value};`);
    else for (const [i, c] of LANES.entries()) this.#body.push(`${name}[${name}_at + ${i}u] = ${value}${c};`);
  }
}
