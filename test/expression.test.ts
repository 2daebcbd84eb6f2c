import fc from 'fast-check';
import { expect, test } from 'vitest';
import { grid } from '../src/autograd/kernel.js';
import { parseAssignments, parseExpression, parseWorkgroups } from '../src/bench/expression.js';
import { UsageError } from '../src/gpu/errors.js';

const NAMES = { N: 3, C: 8, 'y.rows': 70, 'y[0]': 5 } as const;
const evaluate = (text: string) => parseExpression('--require', text).evaluate(NAMES);

/** Builds an expression as text together with its value. */
type Pair = { text: string; value: number };
const number = (b: boolean) => Number(b);

const { expression } = fc.letrec<{ expression: Pair; leaf: Pair }>((tie) => ({
  leaf: fc.oneof(
    fc.integer({ min: 0, max: 99 }).map((value): Pair => ({ text: String(value), value })),
    fc.constantFrom(...Object.entries(NAMES)).map(([text, value]): Pair => ({ text, value })),
  ),
  expression: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    tie('leaf'),
    fc
      .tuple(fc.constantFrom('+', '-', '*', '==', '<', '&&', '||', 'min', 'max'), tie('expression'), tie('expression'))
      .map(([sign, a, b]): Pair => {
        const value = {
          '+': a.value + b.value,
          '-': a.value - b.value,
          '*': a.value * b.value,
          '==': number(a.value === b.value),
          '<': number(a.value < b.value),
          '&&': number(a.value !== 0 && b.value !== 0),
          '||': number(a.value !== 0 || b.value !== 0),
          min: Math.min(a.value, b.value),
          max: Math.max(a.value, b.value),
        }[sign];
        return { text: /^m/.test(sign) ? `${sign}(${a.text}, ${b.text})` : `(${a.text})${sign} (${b.text})`, value };
      }),
    tie('expression').map(({ text, value }): Pair => ({ text: `-(${text})`, value: -value })),
  ),
}));

test('an expression has the value of its parts', () => {
  fc.assert(
    fc.property(expression, ({ text, value }) => {
      expect(evaluate(text) + 0).toBe(value + 0);
    }),
  );
});

test('text is a number or a UsageError that points into it', () => {
  const token = fc.constantFrom('1', '2.5', 'N', 'y.rows', '+', '*', '/', '(', ')', ',', 'ceil(', '%', '<', '&&', '@');
  fc.assert(
    fc.property(fc.array(token, { minLength: 1, maxLength: 8 }), (tokens) => {
      const text = tokens.join(' ');
      try {
        expect(typeof evaluate(text)).toBe('number');
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        const [, shown, caret] = (error as Error).message.split('\n').slice(-3);
        expect(shown).toBe(`  ${text}`);
        expect((caret?.length ?? 0) - 3).toBeLessThanOrEqual(text.length);
      }
    }),
  );
});

test('operators bind as in arithmetic, and division is exact', () => {
  expect(evaluate('2 + 3 * 4 - 6 / 4')).toBe(12.5);
  expect(evaluate('10 - 4 - 3')).toBe(3);
  expect(evaluate('1 + 1 == 2 && !(C % 4) || 0')).toBe(1);
  expect(evaluate('ceil(y.rows / 64) * y[0]')).toBe(10);
});

test.each([
  ['1 +', /it ends too early at column 4; a number or a name is missing/],
  ['(N', /it ends too early at column 3; "\)" is missing/],
  ['N M', /unexpected "M" at column 3; an operator is missing\n {2}N M\n {4}\^/],
  ['N # 2', /unexpected "#" at column 3/],
  ['N / (C - 8)', /division by zero at column 3/],
  ['Q + 1', /there is no number Q; use one of C, N, y\.rows, y\[0\]/],
  ['constructor', /there is no number constructor/],
  ['sin(N)', /there is no function sin; use ceil/],
  ['toString(N)', /there is no function toString/],
  ['ceil(1, 2)', /ceil takes one argument, got 2/],
  ['2 * grid(N, 64)', /grid gives three numbers/],
])('%s is refused', (text, message) => {
  expect(() => evaluate(text)).toThrow(message);
  expect(() => evaluate(text)).toThrow(UsageError);
});

const groups = (text: string) => parseWorkgroups('--workgroups', text, 65535).evaluate(NAMES, grid);

test('workgroups are one to three counts, or a grid', () => {
  expect(groups('ceil(y.rows / 64)')).toEqual([2, 1, 1]);
  expect(groups('N, C')).toEqual([3, 8, 1]);
  expect(groups('1,2,3')).toEqual([1, 2, 3]);
  expect(groups('grid(y.rows, 64)')).toEqual([2, 1, 1]);
  expect(groups('grid(70000 * 64, 64)')).toEqual([35000, 2, 1]);
  expect(() => groups('y.rows / 64')).toThrow(
    /the count in x must be a whole number.*but it is 1\.09375; wrap it in ceil/,
  );
  expect(() => groups('1, 0')).toThrow(
    /the count in y must be a whole number from 1 to 65535, but it is 0\n {2}1, 0\n {5}\^/,
  );
  expect(() => groups('70000')).toThrow(/but it is 70000; fold it with grid/);
  expect(() => groups('1, 2, 3, 4')).toThrow(/there are 4 counts/);
  expect(() => groups('1, grid(2, 64)')).toThrow(/must stand alone/);
});

test('assignments are names and expressions', () => {
  const found = parseAssignments('--params', 'a = N * 2, b=max(N, C)');
  expect([...found].map(([n, e]) => [n, e.evaluate(NAMES)])).toEqual([
    ['a', 6],
    ['b', 8],
  ]);
  expect(() => parseAssignments('--params', 'a=1,a=2')).toThrow(/a is given twice/);
  expect(() => parseAssignments('--params', 'a')).toThrow(/"=" is missing/);
  expect(() => parseAssignments('--scratch', 'y.rows=1')).toThrow(/a name is missing/);
  expect([...parseAssignments('--params', 's.x = 1, list[0] = 2, größe = 3', true).keys()]).toEqual([
    's.x',
    'list[0]',
    'größe',
  ]);
  expect(parseAssignments('--params', ' ').size).toBe(0);
});
