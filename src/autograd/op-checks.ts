import {
  BOOLEAN,
  FUNCTION,
  type Kinds,
  listOf,
  NATURAL,
  oneOf,
  problemOf,
  recordOf,
  STRING,
  shown,
} from '../gpu/arguments.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import type { NamedRange, Op, Specs } from './op.js';
import { channelsOf, checkShape, formatShape, rowsOf, sizeOf, type TensorType } from './tensor.js';

/** Programs in plain JavaScript define ops that no type checker has seen. These checks name what is wrong before anything is computed. */

type Types = Readonly<Record<string, TensorType>>;

const kinds = (): Kinds => {
  const values = recordOf({
    ...{ 'dtype?': oneOf('f32', 'u32'), 'strided?': BOOLEAN, 'aligned?': BOOLEAN, 'optional?': BOOLEAN },
  });
  const names = listOf(STRING);
  return {
    ...{ name: ['a name', (v) => typeof v === 'string' && v !== ''], args: values, results: values, infer: FUNCTION },
    ...{ 'gradient?': FUNCTION, 'kernels?': FUNCTION, 'cost?': FUNCTION },
    ...{ 'epilogue?': STRING, 'unrolled?': BOOLEAN, 'reshapes?': names },
    'pointwise?': {
      ...{ operands: names, body: STRING, 'numbers?': FUNCTION },
      'random?': { state: STRING, words: STRING },
    },
    // Ops of other kinds are the engine's own, which are not defined by `defineOp`.
    ...{ 'kind?': oneOf('view', 'update'), 'view?': FUNCTION, 'update?': FUNCTION },
  };
};

const sound = new WeakSet<object>();

/** Throws `UsageError` unless `op` has every part that an op needs, and the parts fit together. */
export function expectOp(of: string, op: Op): void {
  if (sound.has(op)) return;
  const problem = problemOf(op?.name ? `op ${op.name}` : 'op', kinds(), op) ?? mismatchIn(op);
  if (problem) throw new UsageError(`${of}: ${problem}`);
  sound.add(op);
}

/** Returns which part of an op does not fit the others, or `undefined` if all do. */
function mismatchIn({
  name,
  args,
  results,
  kind,
  view,
  update,
  epilogue,
  reshapes,
  pointwise,
}: Op): string | undefined {
  for (const [role, f] of Object.entries({ view, update }))
    if ((kind === role) !== (f !== undefined))
      return `${name} must have both kind: '${role}' and a function \`${role}\`, or neither`;
  const { operands = [], random } = pointwise ?? {};
  const named: readonly (readonly [part: string, names: readonly unknown[], of: Specs])[] = [
    ['epilogue', epilogue === undefined ? [] : [epilogue], results],
    ['reshapes', reshapes ? [reshapes[0]] : [], args],
    ['reshapes', reshapes ? [reshapes[1]] : [], results],
    ['pointwise', random ? [...operands, random.state] : operands, args],
  ];
  for (const [part, names, of] of named)
    for (const n of names)
      if (typeof n !== 'string' || !Object.hasOwn(of, n))
        return `\`${part}\` of ${name} has ${shown(n)} where it needs one of ${Object.keys(of).join(', ')}`;
  return undefined;
}

/**
 * Throws a `ShapeError` unless the function `infer` of an op returned a usable type for each of its results, and what the op
 * says about its memory holds for values of these types.
 */
export function expectTypes(
  op: Op,
  inputs: Types,
  outputs: Types | undefined,
  attrs: unknown,
): asserts outputs is Types {
  for (const [result, spec] of Object.entries(op.results)) {
    const type = outputs?.[result];
    if (!type && spec.optional) continue;
    const { shape, dtype } = type ?? {};
    if (!Array.isArray(shape) || (dtype !== 'f32' && dtype !== 'u32') || dtype !== (spec.dtype ?? dtype))
      throw new ShapeError(
        op.name,
        `infer must return a shape and the dtype ${spec.dtype ?? 'f32 or u32'} for its result ${result}, got ${shown(shape)} and ${shown(dtype)}`,
      );
    checkShape(op.name, `the shape that infer returns for ${result}`, shape);
  }
  const known = { ...inputs, ...outputs };
  if (op.reshapes) expectSameElements(op.name, op.reshapes, known);
  if (op.view) expectRanges(op, known, op.view(inputs, outputs ?? {}, attrs));
}

function expectSameElements(op: string, [from, to]: readonly [string, string], types: Types): void {
  const [x, y] = [types[from], types[to]];
  if (x && y && (sizeOf(x.shape) !== sizeOf(y.shape) || x.dtype !== y.dtype))
    throw new ShapeError(
      op,
      `it reshapes ${from} to ${to}, which must have the same elements, got ${x.dtype} ${formatShape(x.shape)} and ${y.dtype} ${formatShape(y.shape)}`,
    );
}

interface Box {
  readonly whole: string;
  readonly from: readonly [row: number, channel: number];
  readonly to: readonly [row: number, channel: number];
}

const overlap = (a: Box, b: Box) =>
  a.whole === b.whole && a.from[0] < b.to[0] && b.from[0] < a.to[0] && a.from[1] < b.to[1] && b.from[1] < a.to[1];

/**
 * Throws a `ShapeError` unless these ranges say where every element of a view's results is: each result is a range of an
 * argument, or arguments fill it without overlap.
 */
function expectRanges({ name, results }: Op, types: Types, ranges: readonly NamedRange[]): void {
  const expect = (problem: string | false | undefined) => {
    if (problem) throw new ShapeError(name, problem);
  };
  const kind = listOf({ part: STRING, whole: STRING, 'row?': NATURAL, 'channel?': NATURAL });
  expect(problemOf('what `view` returns', kind, ranges));
  const isResult = (of: string) => Object.hasOwn(results, of);
  const filled = new Map<string, number>();
  const boxes: Box[] = [];
  for (const { part, whole, row = 0, channel = 0 } of ranges) {
    const [p, w] = [types[part], types[whole]];
    if (!p || !w || isResult(part) === isResult(whole))
      throw new ShapeError(
        name,
        `its \`view\` must name an argument and a result in each range, got ${part} and ${whole}`,
      );
    const to = [row + rowsOf(p.shape), channel + channelsOf(p.shape)] as const;
    const fits = p.dtype === w.dtype && to[0] <= rowsOf(w.shape) && to[1] <= channelsOf(w.shape);
    const of = ({ dtype, shape }: TensorType) => `${dtype} ${formatShape(shape)}`;
    expect(!fits && `its \`view\` puts ${part}, ${of(p)}, at row ${row} and channel ${channel} of ${whole}, ${of(w)}`);
    const box = { whole, from: [row, channel], to } as const;
    expect(isResult(whole) && boxes.some((b) => overlap(b, box)) && `its \`view\` fills a part of ${whole} twice`);
    boxes.push(box);
    const result = isResult(part) ? part : whole;
    filled.set(result, (filled.get(result) ?? 0) + sizeOf(p.shape));
  }
  for (const result of Object.keys(results)) {
    const [size, full] = [filled.get(result) ?? 0, sizeOf(types[result]?.shape ?? [0])];
    expect(size !== full && `its \`view\` says where ${size} of the ${full} elements of ${result} are`);
  }
}
