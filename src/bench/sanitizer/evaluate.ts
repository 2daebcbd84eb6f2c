import type { ExpressionElem, LinkBindings } from 'wesl/core';

type Numbers = Readonly<Record<string, number>>;

const OPERATORS: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b),
  '%': (a, b) => a % b,
  '<<': (a, b) => a * 2 ** b,
  '>>': (a, b) => Math.floor(a / 2 ** b),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
};

const FUNCTIONS: Readonly<Record<string, (...x: number[]) => number>> = {
  u32: Math.trunc,
  i32: Math.trunc,
  min: Math.min,
  max: Math.max,
};

/**
 * The whole number that an expression of constants and overrides gives, such as the length of a workgroup array. `constants` are
 * the values of overrides in a launch; others have their defaults. Returns `undefined` for what it does not know.
 */
export function evaluate(of: ExpressionElem, bindings: LinkBindings, constants: Numbers): number | undefined {
  const go = (e: ExpressionElem): number | undefined => {
    if (e.kind === 'literal') {
      const value = Number(e.value.replace(/[iu]$/, ''));
      return Number.isInteger(value) ? value : undefined;
    }
    if (e.kind === 'parenthesized-expression') return go(e.expression);
    if (e.kind === 'unary-expression' && e.operator.value === '-') {
      const x = go(e.expression);
      return x === undefined ? x : -x;
    }
    if (e.kind === 'binary-expression') {
      const [a, b, f] = [go(e.left), go(e.right), OPERATORS[e.operator.value]];
      return a === undefined || b === undefined ? undefined : f?.(a, b);
    }
    if (e.kind === 'call-expression') {
      const name = e.function.kind === 'type' ? e.function.name.originalName : e.function.ident.originalName;
      const args = e.arguments.map(go);
      const known = args.flatMap((x) => (x === undefined ? [] : [x]));
      return known.length === args.length && Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]?.(...known) : undefined;
    }
    if (e.kind !== 'ref' && e.kind !== 'type') return undefined;
    const ident = e.kind === 'ref' ? e.ident : e.name;
    const decl = bindings.refersTo.get(ident);
    const elem = decl && decl !== 'std' ? decl.declElem : undefined;
    if (elem?.kind === 'override' && Object.hasOwn(constants, ident.originalName)) return constants[ident.originalName];
    return (elem?.kind === 'override' || elem?.kind === 'const') && elem.init ? go(elem.init) : undefined;
  };
  return go(of);
}
