import { TENSOR, type Tensor } from '../../autograd/tensor.js';
import { anyOf, checked, NUMBER } from '../../gpu/arguments.js';
import { type BinaryName, binary, type UnaryName, unary } from './ops.js';

/** This file has the functions of the elementwise ops. The tables in `ops.ts` say what each computes. */

type One = [x: Tensor];
type WithNumber = [x: Tensor, k: number];
/** Two tensors of one shape, or a tensor and an operand that is repeated: a [C], a [1] or a number. */
type Two = [a: Tensor, b: Tensor | number] | [a: number, b: Tensor];

const OPERAND = /* @__PURE__ */ anyOf(TENSOR, NUMBER);

function one(name: UnaryName, given: One): Tensor {
  const [x] = checked(name, { x: TENSOR }, given);
  return unary(name, x);
}

function withNumber(name: UnaryName, given: WithNumber): Tensor {
  const [x, k] = checked(name, { x: TENSOR, k: NUMBER }, given);
  return unary(name, x, k);
}

function two(name: BinaryName, given: Two): Tensor {
  const [a, b] = checked(name, { a: OPERAND, b: OPERAND }, given);
  return binary(name, a, b);
}

/** Returns max(x, 0). NaN stays NaN, as in every op here. */
export const relu = (...given: One): Tensor => one('relu', given);
/** Returns min(max(x, 0), 6), the activation of mobile networks. */
export const relu6 = (...given: One): Tensor => one('relu6', given);
/** Returns x where x > 0, and slope · x elsewhere. */
export const leakyRelu = (...given: [x: Tensor, slope?: number]): Tensor => {
  const [x, slope = 0.2] = checked('leakyRelu', { x: TENSOR, 'slope?': NUMBER }, given);
  return unary('leakyRelu', x, slope);
};
/** Returns the hyperbolic tangent of x. */
export const tanh = (...given: One): Tensor => one('tanh', given);
/** Returns 1 / (1 + e⁻ˣ). */
export const sigmoid = (...given: One): Tensor => one('sigmoid', given);
/** Returns log(1 + eˣ) without overflow. */
export const softplus = (...given: One): Tensor => one('softplus', given);
/** Returns |x|. */
export const abs = (...given: One): Tensor => one('abs', given);
/** Returns x². */
export const square = (...given: One): Tensor => one('square', given);
/** Returns √x. */
export const sqrt = (...given: One): Tensor => one('sqrt', given);
/** Returns eˣ. */
export const exp = (...given: One): Tensor => one('exp', given);
/** Returns the natural logarithm of x. */
export const log = (...given: One): Tensor => one('log', given);
/** Returns k · x. */
export const scale = (...given: WithNumber): Tensor => withNumber('scale', given);
/** Returns x + k. */
export const addScalar = (...given: WithNumber): Tensor => withNumber('addScalar', given);
/**
 * Returns a + b for tensors of one shape. As in every op of two operands, one of them may also be a number, a tensor
 * [C] that is used for every row of the other's [..., C], or a tensor [1] that is used for every element. Its gradient
 * is then the sum over its uses. Throws `ShapeError` for other shapes.
 */
export const add = (...given: Two): Tensor => two('add', given);
/** Returns a − b. */
export const sub = (...given: Two): Tensor => two('sub', given);
/** Returns a · b, element by element. */
export const mul = (...given: Two): Tensor => two('mul', given);
/** Returns a / b, element by element. */
export const div = (...given: Two): Tensor => two('div', given);
/** Returns the larger of a and b, or NaN where either is NaN. Where they are equal, the gradient goes to a. */
export const maximum = (...given: Two): Tensor => two('maximum', given);
