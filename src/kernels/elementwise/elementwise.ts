import { onDemand } from '../../autograd/on-demand.js';
import { applyOne, arg, type Op } from '../../autograd/op.js';
import { expectShape, TENSOR, type Tensor } from '../../autograd/tensor.js';
import { checked, NUMBER } from '../../gpu/arguments.js';

/**
 * A unary op y = f(x; k): WGSL expressions in `x` and `k`, and dy/dx in `k` and either `x` or the result `y`. Where both can be
 * had, `y` is taken if `monotonic(k)`: then x need not be kept, nor even stored.
 */
interface UnaryRow {
  readonly f: string;
  readonly dx?: string;
  readonly dy?: string;
  readonly monotonic?: (k: number) => boolean;
}

/** At a kink the derivative is the one PyTorch takes: 0 for relu and abs, the slope for leakyRelu. */
export const unaryTable = {
  relu: { f: 'max(x, 0.0)', dy: 'select(0.0, 1.0, y > 0.0)' },
  // for slopes k ≥ 0, y > 0 where x > 0
  leakyRelu: {
    f: 'select(k * x, x, x > 0.0)',
    dx: 'select(k, 1.0, x > 0.0)',
    dy: 'select(k, 1.0, y > 0.0)',
    monotonic: (k: number) => k >= 0,
  },
  tanh: { f: 'tanh(clamp(x, -16.0, 16.0))', dy: '1.0 - y * y' },
  sigmoid: { f: '1.0 / (1.0 + exp(-x))', dy: 'y * (1.0 - y)' },
  // log(1 + eᵘ) for u = −|x|; beyond 4.6 its series, since eᵘ is lost beside 1
  softplus: {
    f: 'max(x, 0.0) + select(exp(-abs(x)) * (1.0 - 0.5 * exp(-abs(x))), log(1.0 + exp(-abs(x))), abs(x) < 4.6)',
    dx: '1.0 / (1.0 + exp(-x))',
  },
  abs: { f: 'abs(x)', dx: 'sign(x)' },
  square: { f: 'x * x', dx: '2.0 * x' },
  sqrt: { f: 'sqrt(x)', dy: '0.5 / y' },
  exp: { f: 'exp(x)', dy: 'y' },
  log: { f: 'log(x)', dx: '1.0 / x' },
  scale: { f: 'k * x', dx: 'k' },
  addScalar: { f: 'x + k', dx: '1.0' },
} as const satisfies Record<string, UnaryRow>;

/** A binary op y = f(a, b); its gradients are written in ops below. */
export const binaryTable = {
  add: 'a + b',
  sub: 'a - b',
  mul: 'a * b',
  div: 'a / b',
  maximum: 'max(a, b)',
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

/** gx = b · dy/dx, where a is x or y. */
function derivativeOp(name: UnaryName, a: 'x' | 'y', expression: string): Op<KAttrs> {
  const body = `let ${a} = a; return b * (${expression});`;
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
  const ofX = row.dx && derivativeOp(name, 'x', row.dx);
  const ofY = row.dy && derivativeOp(name, 'y', row.dy);
  const body = `return ${row.f};`;
  return {
    name,
    args: ['x'],
    results: ['y'],
    strided: ['x', 'y'],
    epilogue: 'y',
    pointwise: pointwise(['x'], body),
    infer: ([x]) => [x as Tensor],
    // gx = f′ · gy
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
  // the first of two equals wins: ga = gy·[a ≥ b], gb = gy·[a < b]
  maximum: (a, b, gy, [na, nb]) => {
    const wins = applyOne(atLeastOp, [a, b], { k: 0 });
    const ga = mul(gy, wins);
    return [na ? ga : undefined, nb ? sub(gy, ga) : undefined];
  },
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

const atLeastOp = binary('atLeast', 'select(0.0, 1.0, a >= b)');

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

/** max(x, 0). */
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
/** The larger of a and b; of two equals the gradient goes to a. */
export const maximum = (...args: Two): Tensor => pair('maximum', args);
