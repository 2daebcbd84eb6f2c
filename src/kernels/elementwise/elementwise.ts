import type { Arg } from '../../autograd/kernel.js';
import { apply, type CallOf, type Cost, defineOp, type Op, type Pointwise, strided } from '../../autograd/op.js';
import { expectShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, NUMBER } from '../../gpu/arguments.js';

/** A unary op y = f(x; k): WGSL expressions in `x` and the constant `k`, and how its gradient is computed. */
type UnaryRow = {
  /** Statements before the expressions in `x`. */
  readonly lets?: string;
  readonly f: string;
} & UnaryGradient;

/**
 * The gradient of x: a WGSL expression in `g`, the gradient of y, in `k`, and in `x` (`ofX`) or `y` (`ofY`); or written in ops. Of
 * two expressions, `ofY` is taken if `monotonic(k)`: x then need not be kept, nor even stored.
 */
type UnaryGradient =
  | { readonly ofX: string }
  | { readonly ofY: string }
  | { readonly ofX: string; readonly ofY: string; readonly monotonic: (k: number) => boolean }
  | { readonly gradient: (gy: Tensor, k: number) => Tensor };

/*
 * NaN comes through every op as in PyTorch. WGSL lets a compiler assume that no number is NaN, and min, max, clamp and sign may
 * answer anything for one. So these tests look at the bits v: NaN is more than 0x7f800000 without its sign; v − 1 is less than
 * 0x7f800000 for 0 < v ≤ ∞, and v − 0x80000001 for −∞ ≤ v < 0, where subtraction wraps around.
 */
const isNan = (v: string) => `(bitcast<u32>(${v}) & 0x7fffffffu) > 0x7f800000u`;
const positive = (v: string) => `bitcast<u32>(${v}) - 1u < 0x7f800000u`;
const negative = (v: string) => `bitcast<u32>(${v}) - 0x80000001u < 0x7f800000u`;
/** `value`, or NaN where `v` is. */
const unlessNan = (v: string, value: string) => `select(${value}, ${v}, ${isNan(v)})`;

/** e = e⁻|ˣ| ≤ 1 cannot overflow, as e⁻ˣ does. */
const decay = 'let e = exp(-abs(x));';

/** Gradients are PyTorch's at kinks and for NaN: 0 at 0 for relu and abs, the slope for leakyRelu; relu passes g where y is NaN. */
const unaryTable = {
  // 0 from −0 to −∞
  relu: {
    f: 'select(x, 0.0, bitcast<u32>(x) - 0x80000000u <= 0x7f800000u)',
    ofY: 'select(g, 0.0, bitcast<u32>(y) == 0u)',
  },
  // for slopes k ≥ 0, y > 0 where x > 0
  leakyRelu: {
    f: `select(k * x, x, ${positive('x')})`,
    ofX: `select(k * g, g, ${positive('x')})`,
    ofY: `select(k * g, g, ${positive('y')})`,
    monotonic: (k: number) => k >= 0,
  },
  // 1 − 2.5e-14 at 16; e²ˣ overflows from 44 on
  tanh: { f: unlessNan('x', 'tanh(clamp(x, -16.0, 16.0))'), ofY: 'g * (1.0 - y * y)' },
  sigmoid: {
    lets: decay,
    f: unlessNan('x', 'select(e, 1.0, x >= 0.0) / (1.0 + e)'),
    ofX: unlessNan('x', 'g * e / ((1.0 + e) * (1.0 + e))'),
  },
  // max(x, 0) + log(1 + e), the logarithm as s·(1 + t/3 + t²/5 + …) with s = 2e / (2 + e), t = s²/4 ≤ 1/9: no digit of a small e is
  // lost, as in 1 + e, and what is left out is less than 1.5e-8 of it
  softplus: {
    lets: `${decay} let s = e / (1.0 + 0.5 * e); let t = 0.25 * s * s;`,
    f: unlessNan(
      'x',
      'max(x, 0.0) + s * (1.0 + t / 3.0 + t * t * (0.2 + t / 7.0 + t * t * (1.0 / 9.0 + t / 11.0 + t * t / 13.0)))',
    ),
    ofX: unlessNan('x', 'g * select(e, 1.0, x >= 0.0) / (1.0 + e)'),
  },
  abs: { f: 'abs(x)', ofX: `g * (f32(${positive('x')}) - f32(${negative('x')}))` },
  square: { f: 'x * x', ofX: '2.0 * x * g' },
  sqrt: { f: 'sqrt(x)', ofY: 'g * 0.5 / y' },
  exp: { f: unlessNan('x', 'exp(x)'), ofY: 'g * y' },
  // where x is not above 0: these bits set, NaN stays NaN, a negative number becomes it, and 0 becomes −∞
  log: {
    f: `select(bitcast<f32>(bitcast<u32>(x) | select(0x7fc00000u, 0xff800000u, x == 0.0)), log(x), ${positive('x')})`,
    ofX: 'g / x',
  },
  scale: { f: 'k * x', gradient: (gy, k) => scale(gy, k) },
  addScalar: { f: 'x + k', gradient: (gy) => gy },
} as const satisfies Record<string, UnaryRow>;

/** A binary op y = f(a, b); its gradients are written in ops below. */
const binaryTable = {
  add: 'a + b',
  sub: 'a - b',
  mul: 'a * b',
  div: 'a / b',
  maximum: unlessNan('a', unlessNan('b', 'max(a, b)')),
} as const;

export type UnaryName = keyof typeof unaryTable;
export type BinaryName = keyof typeof binaryTable;

export interface KAttrs {
  k: number;
}

const unaryArgs = { x: strided };
const binaryArgs = { a: strided, b: strided };
const results = { y: strided };

type UnaryOp = Op<KAttrs, typeof unaryArgs, typeof results>;
type BinaryOp = Op<KAttrs, typeof binaryArgs, typeof results>;

export type UnaryCall = CallOf<KAttrs, typeof unaryArgs, typeof results>;
export type BinaryCall = CallOf<KAttrs, typeof binaryArgs, typeof results>;

/** What `of` gives for every name of a table. */
export function byName<K extends string, T>(table: Readonly<Record<K, unknown>>, of: (name: K) => T): Record<K, T> {
  const made: Record<string, T> = {};
  for (const name in table) made[name] = of(name);
  return made;
}

const cost =
  (tensors: number) =>
  ({ arg: { y } }: { readonly arg: { readonly y: Arg } }): Cost => ({
    flops: y.rows * y.channels,
    bytes: 4 * tensors * y.rows * y.channels,
  });

const pointwise = (operands: readonly string[], body: string): Pointwise<KAttrs> => ({
  operands,
  body,
  numbers: ({ k }) => ({ k: { type: 'f32', value: k } }),
});

/** The gradient of x, where a is x or y and b the gradient of y. */
function derivativeOp(name: UnaryName, a: 'x' | 'y', expression: string, lets = ''): BinaryOp {
  const body = `let ${a} = a; let g = b; ${lets} return ${expression};`;
  return defineOp({
    name: `${name}Gradient`,
    args: binaryArgs,
    results,
    epilogue: 'y',
    pointwise: pointwise(['a', 'b'], body),
    infer: ({ a }) => ({ y: a }),
    kernels: async () => ({ kernels: (await import('./kernels.js')).binaryKernels(`${name}Gradient`, body) }),
    cost: cost(3),
  });
}

/** The gradient of the op of a row, as (x, y, gy, k) → gx. */
function gradientOf(name: UnaryName, row: UnaryRow): (x: Tensor, y: Tensor, gy: Tensor, k: number) => Tensor {
  if ('gradient' in row) return (_x, _y, gy, k) => row.gradient(gy, k);
  const by = (op: BinaryOp, a: Tensor, gy: Tensor, k: number) => apply(op, { a, b: gy }, { k }).y;
  if (!('ofX' in row)) {
    const ofY = derivativeOp(name, 'y', row.ofY);
    return (_x, y, gy, k) => by(ofY, y, gy, k);
  }
  const ofX = derivativeOp(name, 'x', row.ofX, row.lets);
  if (!('ofY' in row)) return (x, _y, gy, k) => by(ofX, x, gy, k);
  const ofY = derivativeOp(name, 'y', row.ofY);
  return (x, y, gy, k) => (row.monotonic(k) ? by(ofY, y, gy, k) : by(ofX, x, gy, k));
}

function unaryOp(name: UnaryName): UnaryOp {
  const row: UnaryRow = unaryTable[name];
  const gradient = gradientOf(name, row);
  const body = `${row.lets ?? ''} return ${row.f};`;
  return defineOp({
    name,
    args: unaryArgs,
    results,
    epilogue: 'y',
    pointwise: pointwise(['x'], body),
    infer: ({ x }) => ({ y: x }),
    gradient: ({ x }, { y: gy }, { attrs: { k }, outputs: { y } }) => ({ x: gradient(x, y, gy, k) }),
    kernels: async () => ({ kernels: (await import('./kernels.js')).unaryKernels(name, body) }),
    cost: cost(2),
  });
}

/** Gradients of a binary op, as ((a, b), gy, needs) → (ga, gb). */
type BinaryGradient = (
  args: { readonly a: Tensor; readonly b: Tensor },
  gy: Tensor,
  needs: { readonly a: boolean; readonly b: boolean },
) => { readonly a?: Tensor; readonly b?: Tensor };

const binaryGradients: Readonly<Record<BinaryName, BinaryGradient>> = {
  add: (_, gy) => ({ a: gy, b: gy }),
  sub: (_, gy, needs) => ({ a: gy, b: needs.b ? scale(gy, -1) : undefined }),
  mul: ({ a, b }, gy, needs) => ({ a: needs.a ? mul(gy, b) : undefined, b: needs.b ? mul(gy, a) : undefined }),
  // ∂(a/b)/∂b = −a/b²
  div: ({ a, b }, gy, needs) => ({
    a: needs.a ? div(gy, b) : undefined,
    b: needs.b ? scale(div(mul(gy, a), square(b)), -1) : undefined,
  }),
  // the first of two equals wins: ga = gy·[a ≥ b], gb = gy·[a < b]; both get gy where either is NaN
  maximum: ({ a, b }, gy, needs) => ({
    a: needs.a ? mul(gy, apply(atLeastOp, { a, b }, { k: 0 }).y) : undefined,
    b: needs.b ? mul(gy, apply(belowOp, { a, b }, { k: 0 }).y) : undefined,
  }),
};

function binaryOp(name: string, expression: string, gradient?: BinaryGradient): BinaryOp {
  const body = `return ${expression};`;
  return defineOp({
    name,
    args: binaryArgs,
    results,
    epilogue: 'y',
    pointwise: pointwise(['a', 'b'], body),
    infer: ({ a, b }) => {
      expectShape(name, 'b', b, a.shape, 'the shape of a');
      return { y: a };
    },
    gradient: gradient && ((args, { y: gy }, { needs }) => gradient(args, gy, needs)),
    kernels: async () => ({ kernels: (await import('./kernels.js')).binaryKernels(name, body) }),
    cost: cost(3),
  });
}

const eitherNan = `${isNan('a')} || ${isNan('b')}`;
const atLeastOp = binaryOp('atLeast', `f32(a >= b || ${eitherNan})`);
const belowOp = binaryOp('below', `f32(a < b || ${eitherNan})`);

/** The ops of the tables, by name. */
export const unaryOps = byName(unaryTable, unaryOp);
export const binaryOps = byName(binaryTable, (name) => binaryOp(name, binaryTable[name], binaryGradients[name]));

type One = [x: Tensor];
type Two = [a: Tensor, b: Tensor];

const applied = (name: UnaryName, x: Tensor, k: number) => apply(unaryOps[name], { x }, { k }).y;

function unary(name: UnaryName, given: One): Tensor {
  const [x] = checked(name, { x: TENSOR }, given);
  return applied(name, x, 0);
}

function withK(name: UnaryName, given: [x: Tensor, k: number]): Tensor {
  const [x, k] = checked(name, { x: TENSOR, k: NUMBER }, given);
  return applied(name, x, k);
}

function pair(name: BinaryName, given: Two): Tensor {
  const [a, b] = checked(name, { a: TENSOR, b: TENSOR }, given);
  return apply(binaryOps[name], { a, b }, { k: 0 }).y;
}

/** max(x, 0). NaN stays NaN, as through every op here. */
export const relu = (...given: One): Tensor => unary('relu', given);
/** x where x > 0, slope · x elsewhere. */
export const leakyRelu = (...given: [x: Tensor, slope?: number]): Tensor => {
  const [x, slope = 0.2] = checked('leakyRelu', { x: TENSOR, 'slope?': NUMBER }, given);
  return applied('leakyRelu', x, slope);
};
/** Hyperbolic tangent. */
export const tanh = (...given: One): Tensor => unary('tanh', given);
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (...given: One): Tensor => unary('sigmoid', given);
/** log(1 + eˣ), without overflow. */
export const softplus = (...given: One): Tensor => unary('softplus', given);
/** |x|. */
export const abs = (...given: One): Tensor => unary('abs', given);
/** x². */
export const square = (...given: One): Tensor => unary('square', given);
/** √x. */
export const sqrt = (...given: One): Tensor => unary('sqrt', given);
/** eˣ. */
export const exp = (...given: One): Tensor => unary('exp', given);
/** Natural logarithm. */
export const log = (...given: One): Tensor => unary('log', given);
/** k · x. */
export const scale = (...given: [x: Tensor, k: number]): Tensor => withK('scale', given);
/** x + k. */
export const addScalar = (...given: [x: Tensor, k: number]): Tensor => withK('addScalar', given);
/** a + b, of one shape. */
export const add = (...given: Two): Tensor => pair('add', given);
/** a − b, of one shape. */
export const sub = (...given: Two): Tensor => pair('sub', given);
/** a · b, element by element. */
export const mul = (...given: Two): Tensor => pair('mul', given);
/** a / b, element by element. */
export const div = (...given: Two): Tensor => pair('div', given);
/** The larger of a and b, NaN where either is; of two equals the gradient goes to a. */
export const maximum = (...given: Two): Tensor => pair('maximum', given);
