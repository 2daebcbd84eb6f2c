import { beforeAll, describe, expect, test } from 'vitest';
import { gradients } from '../src/autograd/gradients.js';
import { type Launch, onlyKernel } from '../src/autograd/kernel.js';
import { constant, input } from '../src/autograd/leaves.js';
import { apply, defineOp, f32 } from '../src/autograd/op.js';
import { ParameterSet } from '../src/autograd/parameters.js';
import type { Tensor } from '../src/autograd/tensor.js';
import { compile } from '../src/compiler/compile.js';
import type { Engine } from '../src/gpu/engine.js';
import { ShapeError, UsageError } from '../src/gpu/errors.js';
import { readShader, type Shader } from '../src/gpu/shader.js';
import { copy } from '../src/kernels/copy/copy.js';
import { add, square } from '../src/kernels/elementwise/elementwise.js';
import { SGD } from '../src/kernels/sgd/sgd.js';
import { detach } from '../src/kernels/slice/slice.js';
import { broadcast, sum } from '../src/kernels/sum/sum.js';
import { open } from '../src/node.js';

/** Programs in plain JavaScript give ops of their own that no type checker has seen. Each fault is named before it reaches the GPU. */

let engine: Engine;
let twice: Shader;
beforeAll(async () => {
  engine = await open();
  twice = await readShader(
    'double/mine',
    `struct Params { count: u32 }
    @group(0) @binding(0) var<uniform> p: Params;
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < p.count) { y[id.x] = 2.0 * x[id.x]; }
    }`,
  );
});

const dispatch = (part: object = {}) => ({ shader: twice, params: { count: 3 }, workgroups: [1, 1, 1], ...part });

/** The op y = 2x with some of its parts replaced. */
function op(parts: object = {}, launch: () => unknown = () => ({ dispatches: [dispatch()] })) {
  return {
    ...defineOp<null, { readonly x: typeof f32 }, { readonly y: typeof f32 }>({
      name: 'double',
      args: { x: f32 },
      results: { y: f32 },
      infer: ({ x }) => ({ y: x }),
      kernels: async () => ({ kernels: onlyKernel({ name: 'mine', launch: launch as () => Launch }) }),
    }),
    ...parts,
  };
}

async function double(of = op()): Promise<Float32Array> {
  const { y } = apply(of, { x: constant([1, 2, 3], [3]) }, null);
  const plan = await compile(engine, { y });
  plan.run();
  return plan.read('y');
}

test('an op of a program runs', async () => {
  expect(await double()).toEqual(Float32Array.of(2, 4, 6));
});

test.each<[what: string, infer: () => unknown, error: RegExp]>([
  ['nothing', () => undefined, /double: infer must return a shape and the dtype f32 for its result y, got undefined/],
  ['another result', () => ({ z: { shape: [3], dtype: 'f32' } }), /for its result y, got undefined and undefined/],
  ['text as a shape', () => ({ y: { shape: '3', dtype: 'f32' } }), /for its result y, got "3" and "f32"/],
  ['no dtype', () => ({ y: { shape: [3] } }), /for its result y, got \[3\] and undefined/],
  [
    'an unknown dtype',
    () => ({ y: { shape: [3], dtype: 'f16' } }),
    /the dtype f32 for its result y, got \[3\] and "f16"/,
  ],
  ['another dtype', () => ({ y: { shape: [3], dtype: 'u32' } }), /the dtype f32 for its result y, got \[3\] and "u32"/],
  [
    'no size',
    () => ({ y: { shape: [0], dtype: 'f32' } }),
    /infer returns for y must be a list of positive integers, got \[0\]/,
  ],
  ['half a size', () => ({ y: { shape: [1.5], dtype: 'f32' } }), /a list of positive integers, got \[1.5\]/],
])('infer that returns %s is a ShapeError', (_, infer, error) => {
  const build = () => apply(op({ infer }), { x: constant([1, 2, 3], [3]) }, null);
  expect(build).toThrow(ShapeError);
  expect(build).toThrow(error);
});

test('an argument that an op does not have is a ShapeError', () => {
  const x = constant([1], [1]);
  const given = { x, bias: x };
  expect(() => apply(op(), given, null)).toThrow(/double: there is no argument bias; known are x/);
});

test.each<[what: string, parts: object, error: RegExp]>([
  ['no name', { name: '' }, /op.name must be a name, got ""/],
  ['no infer', { infer: undefined }, /op double.infer must be a function, got undefined/],
  ['no args', { args: undefined }, /op double.args must be an object of values by name, got undefined/],
  [
    'results of an unknown type',
    { results: { y: { dtype: 'f16' } } },
    /results.y.dtype must be "f32" or "u32", got "f16"/,
  ],
  ['a part that no op has', { infr: () => ({}) }, /op double cannot have "infr" \(did you mean infer\?\)/],
  ['an unknown kind', { kind: 'other' }, /op double.kind must be "view" or "update", got "other"/],
  ['the kind of the engine’s own leaf', { kind: 'leaf' }, /op double.kind must be "view" or "update", got "leaf"/],
  ['kind view without view', { kind: 'view' }, /must have both kind: 'view' and a function `view`, or neither/],
  ['view without kind view', { view: () => [] }, /must have both kind: 'view' and a function `view`, or neither/],
  ['kind update without update', { kind: 'update' }, /must have both kind: 'update' and a function `update`/],
  ['an epilogue on no result', { epilogue: 'x' }, /`epilogue` of double has "x" where it needs one of y/],
  ['a reshape of no argument', { reshapes: ['y', 'y'] }, /`reshapes` of double has "y" where it needs one of x/],
  ['a reshape to nothing', { reshapes: ['x'] }, /`reshapes` of double has undefined where it needs one of y/],
  ['an operand that is no argument', { pointwise: { operands: ['a'], body: '' } }, /`pointwise` of double has "a"/],
  ['no body', { pointwise: { operands: ['x'] } }, /double.pointwise.body must be a string, got undefined/],
])('an op with %s is a UsageError', (_, parts, error) => {
  const of = op(parts);
  const x = constant([1, 2, 3], [3]);
  for (const use of [() => defineOp(of), () => apply(of, { x }, null)]) {
    expect(use).toThrow(UsageError);
    expect(use).toThrow(error);
  }
});

test('no op at all, and no arguments, are UsageErrors', () => {
  const plain =
    (f: (...args: never[]) => unknown, ...args: readonly unknown[]) =>
    () =>
      Reflect.apply(f, undefined, args);
  expect(plain(defineOp)).toThrow(/defineOp: op must be an object of name, args.*, got undefined/);
  expect(plain(apply)).toThrow(/apply: op must be an object of name, args.*, got undefined/);
  expect(plain(apply, op(), null, null)).toThrow(/double: inputs must be an object of Tensors by name, got null/);
});

test.each<[what: string, view: () => unknown, error: RegExp]>([
  ['nothing', () => undefined, /what `view` returns must be a list, got undefined/],
  ['no range', () => [], /`view` says where 0 of the 3 elements of y are/],
  [
    'a name that does not exist',
    () => [{ part: 'z', whole: 'x' }],
    /an argument and a result in each range, got z and x/,
  ],
  ['two arguments', () => [{ part: 'x', whole: 'x' }], /an argument and a result in each range, got x and x/],
  [
    'half a channel',
    () => [{ part: 'y', whole: 'x', channel: 0.5 }],
    /returns.0.channel must be an integer of 0 or more/,
  ],
  [
    'a place outside',
    () => [{ part: 'y', whole: 'x', channel: 1 }],
    /y, f32 \[3\], at row 0 and channel 1 of x, f32 \[3\]/,
  ],
  [
    'two places',
    () => [
      { part: 'y', whole: 'x' },
      { part: 'y', whole: 'x' },
    ],
    /where 6 of the 3 elements of y are/,
  ],
  [
    'one part twice',
    () => [
      { part: 'x', whole: 'y' },
      { part: 'x', whole: 'y' },
    ],
    /fills a part of y twice/,
  ],
])('a view that returns %s is a ShapeError', (_, view, error) => {
  const build = () => apply(op({ kind: 'view', view }), { x: constant([1, 2, 3], [3]) }, null);
  expect(build).toThrow(ShapeError);
  expect(build).toThrow(error);
});

test('a view runs no kernel, and its result has the elements of its argument', async () => {
  const rows = { infer: () => ({ y: { shape: [1, 2], dtype: 'f32' } }) };
  expect(await double(op({ ...rows, kind: 'view', view: () => [{ part: 'y', whole: 'x', channel: 1 }] }))).toEqual(
    Float32Array.of(2, 3),
  );
});

test.each([
  ['size', { shape: [4], dtype: 'f32' }],
  ['type', { shape: [3], dtype: 'u32' }],
])('a reshape to another %s is a ShapeError', (_, y) => {
  const of = op({ infer: () => ({ y }), results: { y: {} }, reshapes: ['x', 'y'] });
  const build = () => apply(of, { x: constant([1, 2, 3], [3]) }, null);
  expect(build).toThrow(ShapeError);
  expect(build).toThrow(/double: it reshapes x to y, which must have the same elements, got f32 \[3\] and/);
});

test.each<[what: string, parts: object, error: RegExp]>([
  ['no kernels', { kernels: undefined }, /double has no kernels: `kernels` of its op must be a function/],
  ['a module without kernels', { kernels: async () => ({}) }, /double has no kernels/],
  ['a variant without launch', { kernels: async () => ({ kernels: onlyKernel({} as never) }) }, /a function `launch`/],
])('an op with %s is a UsageError when it is compiled', async (_, parts, error) => {
  await expect(double(op(parts))).rejects.toThrow(UsageError);
  await expect(double(op(parts))).rejects.toThrow(error);
});

test.each<[what: string, launch: () => unknown, error: RegExp]>([
  [
    'nothing',
    () => undefined,
    /double\/mine: `launch` must return \{ dispatches \} or a reason in words, got undefined/,
  ],
  [
    'WGSL for a shader',
    () => ({ dispatches: [dispatch({ shader: 'fn' })] }),
    /one of shader\(\) or readShader\(\), got "fn"/,
  ],
  ['one count', () => ({ dispatches: [dispatch({ workgroups: 3 })] }), /workgroups must be three integers.*got 3/],
  [
    'NaN workgroups',
    () => ({ dispatches: [dispatch({ workgroups: [Number.NaN, 1, 1] })] }),
    /three integers.*got \[NaN,1,1\]/,
  ],
  ['too few numbers', () => ({ dispatches: [dispatch({ params: {} })] }), /double\/mine: no value for Params.count/],
  ['half a number', () => ({ dispatches: [dispatch({ params: { count: 0.5 } })] }), /Params.count is u32, got 0.5/],
  ['−1 for a u32', () => ({ dispatches: [dispatch({ params: { count: -1 } })] }), /Params.count is u32, got -1/],
  ['2³² for a u32', () => ({ dispatches: [dispatch({ params: { count: 2 ** 32 } })] }), /is u32, got 4294967296/],
  ['text for a u32', () => ({ dispatches: [dispatch({ params: { count: '3' } })] }), /Params.count is u32, got "3"/],
])('launch that returns %s is a UsageError', async (_, launch, error) => {
  await expect(double(op({}, launch))).rejects.toThrow(UsageError);
  await expect(double(op({}, launch))).rejects.toThrow(error);
});

test('readShader takes text alone', async () => {
  await expect(Reflect.apply(readShader, undefined, ['mine', 3])).rejects.toThrow(
    /readShader: code must be a string, got 3/,
  );
});

test.each<[what: string, gradient: () => unknown, error: RegExp]>([
  ['nothing', () => undefined, /double: its gradient must be an object of gradients for x, got undefined/],
  ['another name', () => ({ z: constant([1], [1]) }), /an object of gradients for x, got z/],
  [
    'another shape',
    () => ({ x: constant([1], [1]) }),
    /the gradient of x must be \[3\] \(the shape of x\[3\]\), got \[1\]/,
  ],
  ['a number', () => ({ x: 5 }), /the gradient of x must be an f32 Tensor, got 5/],
  [
    'whole numbers',
    () => ({ x: constant(Uint32Array.of(1, 2, 3), [3]) }),
    /must be an f32 Tensor, got constant\[3\] of u32/,
  ],
])('a gradient rule that returns %s is a ShapeError', (_, gradient, error) => {
  const x = input('x', [3]);
  const of = op({ gradient }) as ReturnType<typeof op>;
  for (const y of [apply(of, { x }, null).y, add(x, apply(of, { x }, null).y)]) {
    expect(() => gradients(sum(y), [x])).toThrow(ShapeError);
    expect(() => gradients(sum(y), [x])).toThrow(error);
  }
});

test('an optimiser refuses a gradient of whole numbers, whose bits it would read as floating-point numbers', () => {
  const set = new ParameterSet('set');
  set.parameter('w', [2], () => 1);
  const sgd = new SGD(set);
  expect(() => sgd.apply([constant(Uint32Array.of(1, 2), [2])])).toThrow(
    /sgd: the gradient of w must be an f32 Tensor, got constant\[2\] of u32/,
  );
});

test('a view of a parameter has the values after an update, and a copy those from before', async () => {
  const set = new ParameterSet('set');
  const w = set.parameter('w', [2], () => 1);
  const before = { view: detach(w), copied: copy(w) };
  const plan = await compile(engine, before, { update: [new SGD(set, { learningRate: 1 }).minimize(sum(w))] });
  plan.run();
  expect(await plan.read('view')).toEqual(Float32Array.of(0, 0));
  expect(await plan.read('copied')).toEqual(Float32Array.of(1, 1));
});

describe('what a program gives to the graph is copied', () => {
  test('the values of a constant', async () => {
    const values = Float32Array.of(1, 2);
    const made = constant(values, [2]);
    values.fill(9);
    const plan = await compile(engine, { y: square(made) });
    plan.run();
    expect(await plan.read('y')).toEqual(Float32Array.of(1, 4));
  });

  test.each<[what: string, make: (shape: number[]) => Tensor]>([
    ['an input', (shape) => input('x', shape)],
    ['a parameter', (shape) => new ParameterSet('set').parameter('w', shape, () => 1)],
    ['a constant', (shape) => constant([1, 2], shape)],
    ['a broadcast', (shape) => broadcast(input('x', [1]), shape)],
  ])('the shape of %s', (_, make) => {
    const shape = [2, 1];
    const made = make(shape);
    shape[0] = 7;
    expect(made.shape).toEqual([2, 1]);
  });
});

test('an initial value that is infinite as f32 is a UsageError', async () => {
  const set = new ParameterSet('set');
  set.parameter('w', [2], () => 1e39);
  await expect(async () => set.read(engine)).rejects.toThrow(
    /w: its initial value 0 must be a finite number as f32, got 1e\+39/,
  );
});
