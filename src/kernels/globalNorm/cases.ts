import { apply } from '../../autograd/op.js';
import type { Shape } from '../../autograd/tensor.js';
import { type Nd, testNormal, testSpecial } from '../oracle.js';
import { type InputSpec, type OpCase, type Room, room, type Terms, termsOf } from '../room.js';
import { globalNormOp, type NormAttrs, sumOfSquaresOp } from './globalNorm.js';
import * as oracle from './oracle.js';
import { NAMES } from './parts.js';

type SquaresCase = OpCase<null, typeof sumOfSquaresOp.args>;
type NormCase = OpCase<NormAttrs, typeof globalNormOp.args>;

const tensors = (shapes: readonly Shape[], fill?: InputSpec['fill']): SquaresCase['inputs'] => {
  const [x0 = { shape: [1] }, x1, x2, x3, x4, x5] = shapes.map(
    (shape): InputSpec => ({ shape, ...(fill && { fill }) }),
  );
  return { x0, ...(x1 && { x1 }), ...(x2 && { x2 }), ...(x3 && { x3 }), ...(x4 && { x4 }), ...(x5 && { x5 }) };
};

const squares = (name: string, shapes: readonly Shape[], fill?: InputSpec['fill']): SquaresCase => ({
  ...{ name, inputs: tensors(shapes, fill), attrs: null },
});

const norm = (name: string, count: number, maxNorm: number, fill?: InputSpec['fill']): NormCase => ({
  name,
  inputs: { partial: { shape: [count], fill: fill ?? ((_, random) => testNormal(random) ** 2) } },
  attrs: { maxNorm },
});

/** Returns partial sums of 1, of which the one at index 5 is `value`. */
const onesExcept = (value: number) => (index: number) => (index === 5 ? value : 1);

export const rooms: readonly Room[] = [
  room(sumOfSquaresOp, {
    name: 'sumOfSquares',
    build: ({ x0, x1, x2, x3, x4, x5 }) => apply(sumOfSquaresOp, { x0, x1, x2, x3, x4, x5 }, null),
    forward: (inputs) => ({ y: oracle.sumOfSquares(NAMES.flatMap((name): Nd | [] => inputs[name] ?? [])) }),
    cases: [
      squares('one element', [[1]]),
      squares('one tensor of 3×5×7×3', [[3, 5, 7, 3]]),
      squares('two tensors whose sizes are multiples of 4', [[4], [3, 3, 8, 4]]),
      squares('six tensors, of which the largest has several blocks', [
        [7],
        [1],
        [3, 3, 5, 31],
        [1024],
        [1025],
        [2, 13],
      ]),
      squares('six tensors whose sizes are multiples of 4', [
        [1, 1, 1, 4],
        [8],
        [2, 2, 16, 68],
        [1024],
        [2048],
        [1028],
      ]),
      squares('more blocks than partial sums', [[512, 520], [2052]]),
    ],
    nonFinite: [
      squares('NaN and infinities', [[3, 5], [2048]], testSpecial),
      squares('NaN and infinities, sizes are multiples of 4', [[4, 5], [2048]], testSpecial),
    ],
    refuses: [
      {
        inputs: { x0: { shape: [3], dtype: 'u32' } },
        attrs: null,
        error: /sumOfSquares: x0 must be f32, got u32/,
      },
    ],
    bench: [
      squares(
        'weights of six deep layers',
        Array.from({ length: 6 }, () => [4, 4, 512, 256]),
      ),
      squares(
        'scales of six layers',
        Array.from({ length: 6 }, () => [256]),
      ),
    ],
  }),
  room(globalNormOp, {
    name: 'globalNorm',
    build: ({ partial }, attrs) => apply(globalNormOp, { partial }, attrs),
    forward: ({ partial }, { maxNorm }) => oracle.globalNorm(partial, maxNorm),
    cases: [
      norm('one partial sum, norm above the limit', 1, 0.25, () => 4),
      norm('one partial sum, norm equal to the limit', 1, 2, () => 4),
      norm('13 partial sums, norm above the limit', 13, 0.5),
      norm('13 partial sums, norm below the limit', 13, 100),
      norm('5003 partial sums', 5003, 1),
      norm('all partial sums are 0', 257, 1, () => 0),
    ],
    nonFinite: [
      norm('one partial sum is NaN', 257, 1, onesExcept(Number.NaN)),
      norm('one partial sum is infinite', 257, 1, onesExcept(Number.POSITIVE_INFINITY)),
    ],
    refuses: [
      {
        inputs: { partial: { shape: [3], dtype: 'u32' } },
        attrs: { maxNorm: 1 },
        error: /globalNorm: partial must be f32, got u32/,
      },
    ],
    bench: [norm('of 9216 sums', 9216, 1)],
  }),
];

const names = {
  ...Object.fromEntries(
    NAMES.map((_, k) => [`n${k}`, `number of elements of x${k}, or 0 if the call has no such tensor`]),
  ),
  parts: 'number of partial sums of each tensor',
  count: 'number of partial sums of all tensors',
  max_norm: 'largest norm that scaled values may have',
};

export const terms: Readonly<Record<string, Terms>> = {
  sumOfSquares: termsOf(sumOfSquaresOp, {
    layout: { x0: '…', x1: '…', x2: '…', x3: '…', x4: '…', x5: '…', y: 'K·parts' },
    names,
  }),
  globalNorm: termsOf(globalNormOp, { layout: { partial: 'K·parts', norm: '1', scale: '1' }, names }),
};
