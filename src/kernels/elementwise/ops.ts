import type { Arg } from '../../autograd/kernel.js';
import { apply, type CallOf, type Cost, defineOp, type Op, type Pointwise, strided } from '../../autograd/op.js';
import { channelsOf, formatShape, sameShape, type Tensor, type TensorType } from '../../autograd/tensor.js';
import { ShapeError, UsageError } from '../../gpu/errors.js';
import { reshape } from '../reshape/reshape.js';
import { sum } from '../sum/sum.js';

/** A unary op y = f(x; k), given as WGSL expressions in `x` and the constant `k`. */
type UnaryRow = {
  /** Statements before the expressions in `x`. */
  readonly lets?: string;
  readonly f: string;
} & UnaryGradient;

/**
 * The gradient of x: either a WGSL expression in `g`, the gradient of y, in `k`, and in `x` (`ofX`) or `y` (`ofY`), or
 * a composition of ops. If there are two expressions, `ofY` is used if `monotonic(k)`, because x then need not be
 * stored.
 */
type UnaryGradient =
  | { readonly ofX: string }
  | { readonly ofY: string }
  | { readonly ofX: string; readonly ofY: string; readonly monotonic: (k: number) => boolean }
  | { readonly gradient: (gy: Tensor, k: number) => Tensor };

/**
 * NaN passes through every op as in PyTorch. WGSL lets a compiler assume that no number is NaN, and min, max, clamp and
 * sign may return anything for one. So these tests compare the bits v: NaN is more than 0x7f800000 without its sign;
 * v − 1 is less than 0x7f800000 for 0 < v ≤ ∞, and v − 0x80000001 for −∞ ≤ v < 0, where subtraction wraps around.
 */
const isNan = (v: string) => `(bitcast<u32>(${v}) & 0x7fffffffu) > 0x7f800000u`;
const positive = (v: string) => `bitcast<u32>(${v}) - 1u < 0x7f800000u`;
const negative = (v: string) => `bitcast<u32>(${v}) - 0x80000001u < 0x7f800000u`;
/** Returns an expression for `value`, or for NaN where `v` is NaN. */
const unlessNan = (v: string, value: string) => `select(${value}, ${v}, ${isNan(v)})`;

/** This statement defines e = e⁻|ˣ| ≤ 1, which cannot overflow as e⁻ˣ can. */
const decay = 'let e = exp(-abs(x));';

/** At kinks and for NaN, gradients are those of PyTorch. At 0, that of relu and abs is 0, and that of leakyRelu the slope. */
const unaryTable = {
  // The condition holds for the bits of x from −0 to −∞, so that NaN stays NaN.
  relu: {
    f: 'select(x, 0.0, bitcast<u32>(x) - 0x80000000u <= 0x7f800000u)',
    ofY: 'select(g, 0.0, bitcast<u32>(y) == 0u)',
  },
  // 0 < y < 6 holds where the bits of y lie between those of 0 and 6.0.
  relu6: {
    f: unlessNan('x', 'clamp(x, 0.0, 6.0)'),
    ofY: `select(0.0, g, bitcast<u32>(y) - 1u < 0x40bfffffu || ${isNan('y')})`,
  },
  // For slopes k ≥ 0, y > 0 holds exactly where x > 0 does.
  leakyRelu: {
    f: `select(k * x, x, ${positive('x')})`,
    ofX: `select(k * g, g, ${positive('x')})`,
    ofY: `select(k * g, g, ${positive('y')})`,
    monotonic: (k: number) => k >= 0,
  },
  // Without the bounds, a tanh that is computed from e²ˣ overflows from x = 44 on. At 16, tanh is 1 − 2.5e-14.
  tanh: { f: unlessNan('x', 'tanh(clamp(x, -16.0, 16.0))'), ofY: 'g * (1.0 - y * y)' },
  sigmoid: {
    lets: decay,
    f: unlessNan('x', 'select(e, 1.0, x >= 0.0) / (1.0 + e)'),
    ofX: unlessNan('x', 'g * e / ((1.0 + e) * (1.0 + e))'),
  },
  // softplus is max(x, 0) + log(1 + e), where the logarithm is the series s·(1 + t/3 + t²/5 + …) with s = 2e / (2 + e) and
  // t = s²/4 ≤ 1/9. The sum 1 + e would lose digits of a small e, and the series does not. The omitted terms are less than
  // 1.5e-8 of the logarithm.
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
  // Where x > 0 does not hold, bits of x are set, so that NaN stays NaN, negative numbers become NaN, and 0 becomes −∞.
  log: {
    f: `select(bitcast<f32>(bitcast<u32>(x) | select(0x7fc00000u, 0xff800000u, x == 0.0)), log(x), ${positive('x')})`,
    ofX: 'g / x',
  },
  scale: { f: 'k * x', gradient: (gy, k) => mul(gy, k) },
  addScalar: { f: 'x + k', gradient: (gy) => gy },
} as const satisfies Record<string, UnaryRow>;

export type UnaryName = keyof typeof unaryTable;
export type Operand = Tensor | number;

/** A binary op y = f(a, b) of tensors, or of a tensor and a number, given as a WGSL expression in `a` and `b`. */
interface BinaryRow {
  readonly f: string;
  /** Returns the gradient of a from that of y. The engine sums it where a was broadcast. */
  readonly ga?: (gy: Tensor, a: Tensor, b: Operand) => Tensor;
  /** Returns the gradient of b. */
  readonly gb?: (gy: Tensor, a: Operand, b: Tensor) => Tensor;
  /** The unary op that this one is if either operand is a number. */
  readonly withNumber?: UnaryName;
}

/** The gradients below use these, so they hold for numbers, too. */
const mul = (a: Operand, b: Operand): Tensor => binary('mul', a, b);
const div = (a: Operand, b: Operand): Tensor => binary('div', a, b);

const binaryTable = {
  add: { f: 'a + b', ga: (gy) => gy, gb: (gy) => gy, withNumber: 'addScalar' },
  sub: { f: 'a - b', ga: (gy) => gy, gb: (gy) => mul(gy, -1) },
  mul: { f: 'a * b', ga: (gy, _a, b) => mul(gy, b), gb: (gy, a) => mul(gy, a), withNumber: 'scale' },
  // ∂(a/b)/∂b = −a/b²
  div: { f: 'a / b', ga: (gy, _a, b) => div(gy, b), gb: (gy, a, b) => mul(div(mul(gy, a), unary('square', b)), -1) },
  // If a = b, a gets the gradient: ga = gy·[a ≥ b] and gb = gy·[a < b]. If a or b is NaN, both get gy.
  maximum: {
    f: unlessNan('a', unlessNan('b', 'max(a, b)')),
    ga: (gy, a, b) => mul(gy, applied('atLeast', atLeast, a, b)),
    gb: (gy, a, b) => mul(gy, applied('below', below, a, b)),
  },
} as const satisfies Record<string, BinaryRow>;

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

/** Returns what `of` returns for every name of a table. */
export function byName<K extends string, T>(table: Readonly<Record<K, unknown>>, of: (name: K) => T): Record<K, T> {
  const made: Record<string, T> = {};
  for (const name in table) made[name] = of(name);
  return made;
}

const sizeOf = ({ rows, channels }: Arg): number => rows * channels;

function cost({ arg }: { readonly arg: Readonly<Record<string, Arg>> & { readonly y: Arg } }): Cost {
  return { flops: sizeOf(arg.y), bytes: 4 * Object.values(arg).reduce((n, x) => n + sizeOf(x), 0) };
}

const pointwise = (operands: readonly string[], body: string): Pointwise<KAttrs> => ({
  operands,
  body,
  numbers: ({ k }) => ({ k: { type: 'f32', value: k } }),
});

/** Defines the op of a gradient. Its argument a is x or y, and b is the gradient of y. */
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
    cost,
  });
}

/** Returns the gradient of the op of a row, as a function from (x, y, gy, k) to gx. */
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
    cost,
  });
}

/** The ops of a row of the binary table: f(a, b) of tensors, and f(x, k) and f(k, x) of a tensor and a number. */
interface BinaryOps {
  readonly tensors: BinaryOp;
  readonly right: UnaryOp;
  readonly left: UnaryOp;
}

function binaryOpsOf(name: string, row: BinaryRow): BinaryOps {
  const number = row.withNumber && unaryOps[row.withNumber];
  return {
    tensors: tensorsOp(name, row),
    right: number ?? numberOp(`${name}Scalar`, row, 'b'),
    left: number ?? numberOp(`scalar${name.replace(/^./, (c) => c.toUpperCase())}`, row, 'a'),
  };
}

function tensorsOp(name: string, { f, ga, gb }: BinaryRow): BinaryOp {
  const body = `return ${f};`;
  return defineOp({
    name,
    args: binaryArgs,
    results,
    epilogue: 'y',
    pointwise: pointwise(['a', 'b'], body),
    infer: ({ a, b }) => {
      if (repeats(b, a)) return { y: a };
      if (repeats(a, b)) return { y: b };
      const [all, channels] = [formatShape(a.shape), formatShape([channelsOf(a.shape)])];
      throw new ShapeError(
        name,
        `b must be ${all} (the shape of a), ${channels} (its channels), [1] or a number, got ${formatShape(b.shape)}`,
      );
    },
    gradient: ({ a, b }, { y: gy }, { needs }) => ({
      a: needs.a && ga ? summed(ga(gy, a, b), a) : undefined,
      b: needs.b && gb ? summed(gb(gy, a, b), b) : undefined,
    }),
    kernels: async () => ({ kernels: (await import('./kernels.js')).binaryKernels(name, body) }),
    cost,
  });
}

/** Returns the op of a row for a tensor x and the number k, which is the operand `fixed`. */
function numberOp(name: string, { f, ga, gb }: BinaryRow, fixed: 'a' | 'b'): UnaryOp {
  const body = `let ${fixed} = k; let ${fixed === 'a' ? 'b' : 'a'} = x; return ${f};`;
  return defineOp({
    name,
    args: unaryArgs,
    results,
    epilogue: 'y',
    pointwise: pointwise(['x'], body),
    infer: ({ x }) => ({ y: x }),
    gradient: ({ x }, { y: gy }, { attrs: { k } }) => ({ x: fixed === 'b' ? ga?.(gy, x, k) : gb?.(gy, k, x) }),
    kernels: async () => ({ kernels: (await import('./kernels.js')).unaryKernels(name, body) }),
    cost,
  });
}

/**
 * Says whether x has the shape of `whole`, or is a vector [C] for each of its rows, or [1] for each of its elements.
 */
function repeats(x: TensorType, whole: TensorType): boolean {
  const isVector = x.shape.length === 1 && [1, channelsOf(whole.shape)].includes(channelsOf(x.shape));
  return isVector || sameShape(x.shape, whole.shape);
}

/** Returns the gradient of x from that of x repeated to the shape of g. */
function summed(g: Tensor, x: Tensor): Tensor {
  if (g.size === x.size) return sameShape(g.shape, x.shape) ? g : reshape(g, x.shape);
  return sum(g, x.size === 1 ? 'all' : 'rows');
}

/** The ops of the tables, by name. */
export const unaryOps = byName(unaryTable, unaryOp);
export const binaryOps = byName(binaryTable, (name) => binaryOpsOf(name, binaryTable[name]));

const eitherNan = `${isNan('a')} || ${isNan('b')}`;
/** These ops say to which operand the gradient of maximum goes. */
export const atLeast = binaryOpsOf('atLeast', { f: `f32(a >= b || ${eitherNan})` });
export const below = binaryOpsOf('below', { f: `f32(a < b || ${eitherNan})` });

function applied(name: string, ops: BinaryOps, a: Operand, b: Operand): Tensor {
  if (typeof a !== 'number' && typeof b !== 'number') return apply(ops.tensors, { a, b }, { k: 0 }).y;
  if (typeof a !== 'number') return apply(ops.right, { x: a }, { k: Number(b) }).y;
  if (typeof b !== 'number') return apply(ops.left, { x: b }, { k: a }).y;
  throw new UsageError(`${name}: a or b must be a Tensor, got the numbers ${a} and ${b}`);
}

/** Applies the unary op of this name with the constant k. */
export const unary = (name: UnaryName, x: Tensor, k = 0): Tensor => apply(unaryOps[name], { x }, { k }).y;
/** Applies the binary op of this name to tensors, or to a tensor and a number. */
export const binary = (name: BinaryName, a: Operand, b: Operand): Tensor => applied(name, binaryOps[name], a, b);
