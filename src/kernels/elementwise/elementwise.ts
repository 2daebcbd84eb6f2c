import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { expectShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, NUMBER } from '../../gpu/arguments.js';

/**
 * A unary op y = f(x; k): WGSL expressions of y in `x` and `k`, and of the gradient of x in `g`, the gradient of y, in `k` and
 * either `x` or `y`. Where both can be had, the one in `y` is taken if `monotonic(k)`: then x need not be kept, nor even stored.
 */
interface UnaryRow {
  /** Statements before the expressions in `x`. */
  readonly lets?: string;
  readonly f: string;
  readonly ofX?: string;
  readonly ofY?: string;
  readonly monotonic?: (k: number) => boolean;
}

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
export const unaryTable = {
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
  scale: { f: 'k * x' },
  addScalar: { f: 'x + k' },
} as const satisfies Record<string, UnaryRow>;

/** A binary op y = f(a, b); its gradients are written in ops below. */
export const binaryTable = {
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

/** The kernels of an op whose WGSL function `f` has this body, loaded on demand. */
const kernels = (kind: string, operands: 1 | 2, body: string) =>
  onDemand<KAttrs>(async () => (await import('./kernels.js')).variants(kind, operands, body));

function cost(tensors: number): Op<KAttrs>['cost'] {
  return (call) => {
    const { rows, channels } = arg(call, 'y');
    return { flops: rows * channels, bytes: 4 * tensors * rows * channels };
  };
}

const pointwise = (operands: readonly string[], body: string): Op<KAttrs>['pointwise'] => ({
  operands,
  body,
  numbers: ({ k }) => ({ k: { type: 'f32', value: k } }),
});

/** The gradient of x, where a is x or y and b the gradient of y. */
function derivativeOp(name: UnaryName, a: 'x' | 'y', expression: string, lets = ''): Op<KAttrs> {
  const body = `let ${a} = a; let g = b; ${lets} return ${expression};`;
  return {
    name: `${name}Gradient`,
    args: ['a', 'b'],
    results: ['y'],
    strided: ['a', 'b', 'y'],
    epilogue: 'y',
    pointwise: pointwise(['a', 'b'], body),
    infer: ([a]) => [a as Tensor],
    variants: kernels(`${name}Gradient`, 2, body),
    cost: cost(3),
  };
}

function unaryOp(name: UnaryName): Op<KAttrs> {
  const row: UnaryRow = unaryTable[name];
  const ofX = row.ofX && derivativeOp(name, 'x', row.ofX, row.lets);
  const ofY = row.ofY && derivativeOp(name, 'y', row.ofY);
  const body = `${row.lets ?? ''} return ${row.f};`;
  return {
    name,
    args: ['x'],
    results: ['y'],
    strided: ['x', 'y'],
    epilogue: 'y',
    pointwise: pointwise(['x'], body),
    infer: ([x]) => [x as Tensor],
    gradient: (node, [gy]) => {
      if (!gy) return [undefined];
      const { k } = node.attrs as KAttrs;
      if (name === 'scale') return [scale(gy, k)];
      if (name === 'addScalar') return [gy];
      const fromY = ofY && (!ofX || row.monotonic?.(k));
      return [applyOne((fromY ? ofY : ofX) as Op<KAttrs>, [fromY ? node.outputs[0] : node.inputs[0], gy], { k })];
    },
    variants: kernels(name, 1, body),
    cost: cost(2),
  };
}

/** Gradients of the binary ops, as (a, b, y, gy) → [ga, gb]. */
const binaryGradients: Record<
  BinaryName,
  (a: Tensor, b: Tensor, gy: Tensor, needs: readonly boolean[]) => (Tensor | undefined)[]
> = {
  add: (_a, _b, gy) => [gy, gy],
  sub: (_a, _b, gy, [, nb]) => [gy, nb ? scale(gy, -1) : undefined],
  mul: (a, b, gy, [na, nb]) => [na ? mul(gy, b) : undefined, nb ? mul(gy, a) : undefined],
  // ∂(a/b)/∂b = −a/b²
  div: (a, b, gy, [na, nb]) => [na ? div(gy, b) : undefined, nb ? scale(div(mul(gy, a), square(b)), -1) : undefined],
  // the first of two equals wins: ga = gy·[a ≥ b], gb = gy·[a < b]; both get gy where either is NaN
  maximum: (a, b, gy, [na, nb]) => [
    na ? mul(gy, applyOne(atLeastOp, [a, b], { k: 0 })) : undefined,
    nb ? mul(gy, applyOne(belowOp, [a, b], { k: 0 })) : undefined,
  ],
};

function binary(name: string, body: string, gradient?: (typeof binaryGradients)[BinaryName]): Op<KAttrs> {
  return {
    name,
    args: ['a', 'b'],
    results: ['y'],
    strided: ['a', 'b', 'y'],
    epilogue: 'y',
    pointwise: pointwise(['a', 'b'], `return ${body};`),
    infer: ([a, b]) => {
      expectShape(name, 'b', b as Tensor, (a as Tensor).shape, 'the shape of a');
      return [a as Tensor];
    },
    gradient:
      gradient &&
      ((node, [gy], needs) => (gy ? gradient(node.inputs[0] as Tensor, node.inputs[1] as Tensor, gy, needs) : [])),
    variants: kernels(name, 2, `return ${body};`),
    cost: cost(3),
  };
}

const eitherNan = `${isNan('a')} || ${isNan('b')}`;
const atLeastOp = binary('atLeast', `f32(a >= b || ${eitherNan})`);
const belowOp = binary('below', `f32(a < b || ${eitherNan})`);

/** The ops of the table, by name. */
export const unaryOps = Object.fromEntries(Object.keys(unaryTable).map((n) => [n, unaryOp(n as UnaryName)])) as Record<
  UnaryName,
  Op<KAttrs>
>;
export const binaryOps = Object.fromEntries(
  Object.entries(binaryTable).map(([n, f]) => [n, binary(n, f, binaryGradients[n as BinaryName])]),
) as Record<BinaryName, Op<KAttrs>>;

type One = [x: Tensor];
type Two = [a: Tensor, b: Tensor];

const unary = (name: UnaryName, args: One) => applyOne(unaryOps[name], checked(name, { x: TENSOR }, args), { k: 0 });
const pair = (name: BinaryName, args: Two) =>
  applyOne(binaryOps[name], checked(name, { a: TENSOR, b: TENSOR }, args), { k: 0 });

function withNumber(name: UnaryName, number: string, args: [x: Tensor, k?: number], absent?: number): Tensor {
  const [x, k = absent as number] = checked(name, { x: TENSOR, [number]: NUMBER }, args);
  return applyOne(unaryOps[name], [x], { k });
}

/** max(x, 0). NaN stays NaN, as through every op here. */
export const relu = (...args: One): Tensor => unary('relu', args);
/** x where x > 0, slope · x elsewhere. */
export const leakyRelu = (...args: [x: Tensor, slope?: number]): Tensor => withNumber('leakyRelu', 'slope?', args, 0.2);
/** Hyperbolic tangent. */
export const tanh = (...args: One): Tensor => unary('tanh', args);
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (...args: One): Tensor => unary('sigmoid', args);
/** log(1 + eˣ), without overflow. */
export const softplus = (...args: One): Tensor => unary('softplus', args);
/** |x|. */
export const abs = (...args: One): Tensor => unary('abs', args);
/** x². */
export const square = (...args: One): Tensor => unary('square', args);
/** √x. */
export const sqrt = (...args: One): Tensor => unary('sqrt', args);
/** eˣ. */
export const exp = (...args: One): Tensor => unary('exp', args);
/** Natural logarithm. */
export const log = (...args: One): Tensor => unary('log', args);
/** k · x. */
export const scale = (...args: [x: Tensor, k: number]): Tensor => withNumber('scale', 'k', args);
/** x + k. */
export const addScalar = (...args: [x: Tensor, k: number]): Tensor => withNumber('addScalar', 'k', args);
/** a + b, of one shape. */
export const add = (...args: Two): Tensor => pair('add', args);
/** a − b, of one shape. */
export const sub = (...args: Two): Tensor => pair('sub', args);
/** a · b, element by element. */
export const mul = (...args: Two): Tensor => pair('mul', args);
/** a / b, element by element. */
export const div = (...args: Two): Tensor => pair('div', args);
/** The larger of a and b, NaN where either is; of two equals the gradient goes to a. */
export const maximum = (...args: Two): Tensor => pair('maximum', args);
