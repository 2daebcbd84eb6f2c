import type { Specs } from '../../autograd/op.js';
import type { Tensor } from '../../autograd/tensor.js';
import { add, relu, scale } from '../elementwise/elementwise.js';
import type { Nd } from '../oracle.js';
import {
  type FixtureFile,
  type FixtureRun,
  fixtureRun,
  type OpCase,
  type Room,
  room,
  UnsupportedFixture,
} from '../room.js';
import { detach, slice } from '../slice/slice.js';
import { concatBatch, splitBatch } from './batch.js';
import { concat } from './concat.js';
import * as oracle from './oracle.js';

interface Attrs {
  lines: readonly oracle.Line[];
  results: readonly string[];
}

/** A program may have inputs and results of any names. */
const anyNames: Specs = {};
const program = { args: anyNames, results: anyNames };

/** Builds the program of `lines` from ops. */
function build(inputs: Readonly<Record<string, Tensor>>, { lines, results }: Attrs): Record<string, Tensor> {
  const values = new Map(Object.entries(inputs));
  /** Holds both parts of every tensor that is split. */
  const parts = new Map<string, Tensor>();
  const partOf = (x: Tensor, [first, part]: oracle.Line['range']): Tensor => {
    const key = (i: number) => `part ${i} of ${x.id} at ${first}`;
    if (!parts.has(key(0)))
      for (const [i, y] of splitBatch(x, [first, (x.shape[0] ?? 0) - first]).entries()) parts.set(key(i), y);
    return oracle.named(parts, key(part));
  };
  for (const { to, op, of, range, k } of lines) {
    const xs = of.map((name) => oracle.named(values, name));
    const x = (i: number) => oracle.named(values, of[i] ?? '');
    const make = {
      concat: () => concat(xs),
      slice: () => slice(x(0), range[0], range[1]),
      concatBatch: () => concatBatch(xs),
      splitBatch: () => partOf(x(0), range),
      relu: () => relu(x(0)),
      add: () => add(x(0), x(1)),
      scale: () => scale(x(0), k),
      detach: () => detach(x(0)),
    };
    values.set(to, make[op]());
  }
  return pick(values, results);
}

const pick = <T>(values: ReadonlyMap<string, T>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, oracle.named(values, name)]));

/**
 * Parses the source of a program, with lines such as `y = concat a b`, `t = slice y 0 3`, or `s = splitBatch y 2 0` for
 * the first of two parts.
 */
function parse(source: string): oracle.Line[] {
  return source.split(';').map((line) => {
    const [to = '', word = '', ...rest] = line.split(/[\s=]+/).filter(Boolean);
    const op = oracle.OPS.find((known) => known === word);
    if (!op) throw new Error(`no op ${word} in ${line}`);
    const of = rest.filter((word) => Number.isNaN(Number(word)));
    const [first, second = 0] = rest.filter((word) => !Number.isNaN(Number(word))).map(Number);
    return { to, op, of, range: [first ?? 0, second], k: first ?? 1 };
  });
}

function one(
  name: string,
  source: string,
  shapes: Record<string, readonly number[]>,
  results = ['y'],
): OpCase<Attrs, Specs> {
  const inputs = Object.fromEntries(Object.entries(shapes).map(([n, shape]) => [n, { shape }]));
  return { name, inputs, attrs: { lines: parse(source), results } };
}

const wide = { a: [2, 3, 5, 8], b: [2, 3, 5, 4] };
const odd = { a: [3, 5, 7, 3], b: [3, 5, 7, 2] };
/**
 * Makes the chains for given shapes; A and B are the channels of a and b. They run with channels that suit vec4 kernels
 * and with odd ones.
 */
const chains = ([label, shapes]: readonly [string, typeof wide]) => {
  const [A = 0, B = 0] = [shapes.a[3], shapes.b[3]];
  const both = A + B;
  const chain = (name: string, source: string, results?: string[]) => one(`${name}, ${label}`, source, shapes, results);
  return [
    chain('leaves', 'y = concat a b'),
    chain('computed parts', 'p = relu a; q = scale b 3; y = concat p q'),
    chain('one tensor twice', 'p = relu a; q = relu b; y = concat p q p'),
    chain('a leaf twice', 'q = relu b; y = concat a a q'),
    chain('nested', 'p = relu a; q = scale b 2; r = concat p q; s = scale a -1; y = concat s r p'),
    chain('a leaf and its relu', 'q = relu b; p = relu a; y = concat a p q'),
    chain('a tensor and its relu', 'p = scale a 2; q = relu p; r = relu b; y = concat p q r'),
    chain('relu of a concatenation that holds its own', 'p = concat a b; q = relu p; y = concat p q'),
    chain('slice of a concatenation', `p = scale a 2; q = relu b; r = concat p q; y = slice r 1 ${both - 1}`),
    chain(
      'slice with two consumers',
      `p = scale a 2; q = slice p 1 ${A}; r = relu q; s = scale q 3; y = add r s; t = relu b`,
      ['y', 't'],
    ),
    chain('slice of a slice', `p = concat a b; q = slice p 1 ${both}; y = slice q 0 ${A - 2}`),
    chain(
      'concatenation of slices of one tensor',
      `p = scale a 2; q = slice p 1 ${A}; r = slice p 0 1; t = relu b; y = concat q r t`,
    ),
    chain('a part is an output too', 'p = relu a; q = relu b; y = concat p q', ['p', 'y']),
    chain('a part in two concatenations', 'p = relu a; q = relu b; y = concat p q; z = concat q p', ['y', 'z']),
    chain(
      'halves of a concatenation added',
      `p = relu a; r = concat p p b; s = slice r 0 ${A}; t = slice r ${A} ${2 * A}; y = add s t; z = relu r`,
      ['y', 'z'],
    ),
    chain('batches of leaves', 'y = concatBatch a a; t = relu b', ['y', 't']),
    chain('batches computed', 'p = relu a; q = scale a 3; y = concatBatch p q p; t = relu b', ['y', 't']),
    chain('a batch and its relu', 'p = scale a 2; q = relu p; y = concatBatch p q; t = relu b', ['y', 't']),
    chain('relu of batches', 'p = scale a 2; q = scale a -1; r = concatBatch p q; y = relu r; t = relu b', ['y', 't']),
    chain(
      'batches of concatenations',
      'p = scale a 2; q = relu b; r = concat p q; s = concat a b; y = concatBatch r s r',
    ),
    chain(
      'concatenation of batches',
      'p = scale a 2; r = concatBatch p a; q = relu b; s = concatBatch q b; y = concat r s; z = relu y',
      ['y', 'z'],
    ),
    chain(
      'both parts of a batch',
      'p = relu a; q = splitBatch p 1 0; r = splitBatch p 1 1; s = scale q 2; y = concatBatch r s q; t = relu b',
      ['y', 't'],
    ),
    chain('one part of a batch', 'p = scale a 2; q = splitBatch p 1 1; y = relu q; t = relu b', ['y', 't']),
    chain(
      'parts of batches of concatenations',
      `p = scale a 2; q = relu b; r = concat p q; s = concatBatch r r; t = splitBatch s 1 1; u = slice t 1 ${both}; y = relu u`,
    ),
    { ...chain('a detached part', 'p = scale a 2; q = detach p; r = scale b 1; y = concat p q r'), kink: true },
  ];
};

/** Reads an ONNX Concat. Only a concatenation along the last axis joins channels. */
function readOnnx(file: FixtureFile): FixtureRun {
  const inputs: Record<string, Nd> = {};
  for (let i = 0; file.has(`input_${i}`); i++) inputs[`x${i}`] = file.tensor(`input_${i}`);
  const rank = inputs.x0?.shape.length ?? 0;
  if (((Number(file.attrs.axis) % rank) + rank) % rank !== rank - 1)
    throw new UnsupportedFixture(`Concat along axis ${file.attrs.axis} of ${rank}; only the last one is concatenated`);
  return fixtureRun(program, {
    inputs,
    build: (xs) => ({ y: concat(Object.values(xs)) }),
    expected: { y: file.tensor('output_0') },
  });
}

export const rooms: readonly Room[] = [
  room(program, {
    name: 'concat',
    build,
    forward: (inputs, { lines, results }) => pick(oracle.run(inputs, lines), results),
    backward: (inputs, { lines }, gys) => oracle.gradients(inputs, lines, gys),
    cases: [
      ...(
        [
          ['multiples of 4', wide],
          ['odd channels', odd],
        ] as const
      ).flatMap(chains),
      one('one pixel', 'p = relu a; y = concat p a b', { a: [1, 1, 1, 1], b: [1, 1, 1, 1] }),
      one('one part', 'p = concat a; y = relu p', { a: [1, 17, 1, 4] }),
      one('vectors', 'p = relu b; y = concat a p b', { a: [3], b: [5] }),
    ],
    refuses: [
      {
        inputs: { a: { shape: [2, 3, 4] }, b: { shape: [3, 2, 4] } },
        attrs: { lines: parse('y = concat a b'), results: ['y'] },
        error: /concat: x1 must be \[2, 3, any\] like x0, got \[3, 2, 4\]/,
      },
      {
        inputs: { a: { shape: [2, 4] }, b: { shape: [2, 4], dtype: 'u32' } },
        attrs: { lines: parse('y = concat a b'), results: ['y'] },
        error: /concat: x1 is u32, x0 is f32/,
      },
      {
        inputs: { a: { shape: [2, 3, 4] }, b: { shape: [1, 3, 5] } },
        attrs: { lines: parse('y = concatBatch a b'), results: ['y'] },
        error: /concatBatch: x1 must be \[any, 3, 4\] like x0, got \[1, 3, 5\]/,
      },
      {
        inputs: { a: { shape: [2, 4] }, b: { shape: [2, 4], dtype: 'u32' } },
        attrs: { lines: parse('y = concatBatch a b'), results: ['y'] },
        error: /concatBatch: x1 is u32, x0 is f32/,
      },
      {
        inputs: { a: { shape: [3] } },
        attrs: { lines: parse('y = concatBatch a'), results: ['y'] },
        error: /concatBatch: needs tensors \[N, …, C\], got \[3\]/,
      },
      {
        inputs: { a: { shape: [2, 4] } },
        attrs: { lines: parse('y = splitBatch a 2 0'), results: ['y'] },
        error: /splitBatch: the counts 2 \+ 0 do not add up to the batch of x \[2, 4\]/,
      },
      {
        inputs: {},
        attrs: { lines: parse('y = concat'), results: ['y'] },
        error: /concat: needs at least one tensor/,
      },
    ],
    bench: [
      one('skip', 'p = relu a; q = relu b; r = relu c; y = concat p q r', {
        a: [4, 32, 16, 512],
        b: [4, 32, 16, 256],
        c: [4, 32, 16, 256],
      }),
    ],
    fixtures: { Concat: readOnnx },
  }),
];
