import { UsageError } from '../gpu/errors.js';

/**
 * Arithmetic over named numbers, with which a kernel author describes a launch: `ceil(y.rows * y.channels / 64)`. It has
 * numbers, names (`N`, `y.rows`, `y[0]`), `+ - * / %`, comparisons, `&& || !` (true is 1, false is 0), parentheses and
 * the functions `ceil floor round abs sqrt min max`. Division is not rounded. Nothing is evaluated as JavaScript.
 */
export interface Expression {
  readonly text: string;
  /** Throws `UsageError` with the column of an unknown name or of a division by zero. */
  evaluate(values: Readonly<Record<string, number>>): number;
}

type Values = Readonly<Record<string, number>>;
type Term = { readonly at: number; readonly value: (values: Values) => number; readonly grid?: readonly [Term, Term] };

const FUNCTIONS: Readonly<Record<string, { min: number; max: number; of: (...x: number[]) => number }>> = {
  ceil: { min: 1, max: 1, of: Math.ceil },
  floor: { min: 1, max: 1, of: Math.floor },
  round: { min: 1, max: 1, of: Math.round },
  abs: { min: 1, max: 1, of: Math.abs },
  sqrt: { min: 1, max: 1, of: Math.sqrt },
  min: { min: 1, max: Number.POSITIVE_INFINITY, of: Math.min },
  max: { min: 1, max: Number.POSITIVE_INFINITY, of: Math.max },
};

/** Binary operators by precedence, the lowest first. */
const LEVELS: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '||': (a, b) => Number(a !== 0 || b !== 0) },
  { '&&': (a, b) => Number(a !== 0 && b !== 0) },
  {
    '==': (a, b) => Number(a === b),
    '!=': (a, b) => Number(a !== b),
    '<=': (a, b) => Number(a <= b),
    '>=': (a, b) => Number(a >= b),
    '<': (a, b) => Number(a < b),
    '>': (a, b) => Number(a > b),
  },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b },
];

interface Token {
  readonly kind: 'number' | 'name' | 'sign' | 'end';
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|([\p{XID_Start}_]\p{XID_Continue}*(?:\.[A-Za-z_]\w*|\[\d+\])*)|(\|\||&&|[=!<>]=|[-+*/%()<>!,=]))/uy;

/** Number of characters of a text that an error shows. */
const EXCERPT = 120;

/** An error that shows the text with a caret below column `at` (from 0). */
function errorAt(option: string, text: string, at: number, message: string): UsageError {
  // Only an excerpt around the column is shown of a long text.
  const from = Math.max(0, at - EXCERPT / 2);
  const shown = text.slice(from, from + EXCERPT).replace(/\s/g, ' ');
  return new UsageError(`${option}: ${message}\n  ${shown}\n  ${' '.repeat(at - from)}^`);
}

class Parser {
  readonly #tokens: Token[] = [];
  #next = 0;

  /** Errors name the command-line option `option`. */
  constructor(
    private readonly option: string,
    private readonly text: string,
  ) {
    for (let at = 0; at < text.trimEnd().length; ) {
      TOKEN.lastIndex = at;
      const m = TOKEN.exec(text);
      if (!m) {
        const bad = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
        throw this.errorAt(bad, `unexpected "${text[bad]}" at column ${bad + 1}`);
      }
      const [all, number, name, sign] = m;
      const found = number ?? name ?? sign ?? '';
      const kind = number !== undefined ? 'number' : name !== undefined ? 'name' : 'sign';
      this.#tokens.push({ kind, text: found, at: at + all.length - found.length });
      at += all.length;
    }
  }

  errorAt(at: number, message: string): UsageError {
    return errorAt(this.option, this.text, at, message);
  }

  peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: 'the end', at: this.text.length };
  }

  take(sign: string): boolean {
    const { kind, text } = this.peek();
    if (kind !== 'sign' || text !== sign) return false;
    this.#next++;
    return true;
  }

  unexpected(wanted: string): UsageError {
    const { kind, text, at } = this.peek();
    const what = kind === 'end' ? 'it ends too early' : `unexpected "${text}"`;
    return this.errorAt(at, `${what} at column ${at + 1}; ${wanted} is missing`);
  }

  end(): void {
    if (this.peek().kind !== 'end') throw this.unexpected('an operator');
  }

  /** A name, as before `=`. With `parts` it may be that of a component or an element. */
  name(parts: boolean): Token {
    const token = this.peek();
    if (token.kind !== 'name' || (!parts && /[.[]/.test(token.text))) throw this.unexpected('a name');
    this.#next++;
    return token;
  }

  expression(level = 0): Term {
    const operators = LEVELS[level];
    if (!operators) return this.#unary();
    let left = this.expression(level + 1);
    for (;;) {
      const { kind, text, at } = this.peek();
      const apply = kind === 'sign' && Object.hasOwn(operators, text) ? operators[text] : undefined;
      if (!apply) return left;
      this.#next++;
      const [a, b] = [left, this.expression(level + 1)];
      const divides = text === '/' || text === '%';
      const value = (v: Values) => {
        const [x, y] = [a.value(v), b.value(v)];
        if (divides && y === 0) throw this.errorAt(at, `division by zero at column ${at + 1}`);
        return apply(x, y);
      };
      left = { at, value };
    }
  }

  #unary(): Term {
    const { at } = this.peek();
    if (this.take('-')) {
      const x = this.#unary();
      return { at, value: (v) => -x.value(v) };
    }
    if (this.take('!')) {
      const x = this.#unary();
      return { at, value: (v) => Number(x.value(v) === 0) };
    }
    return this.#primary();
  }

  #primary(): Term {
    const { kind, text, at } = this.peek();
    if (this.take('(')) {
      const inner = this.expression();
      if (!this.take(')')) throw this.unexpected('")"');
      return { at: inner.at, value: inner.value };
    }
    if (kind !== 'number' && kind !== 'name') throw this.unexpected('a number or a name');
    this.#next++;
    if (kind === 'number') return { at, value: () => Number(text) };
    if (this.take('(')) return this.#call(text, at);
    const value = (v: Values) => {
      const found = Object.hasOwn(v, text) ? v[text] : undefined;
      if (found === undefined)
        throw this.errorAt(at, `there is no number ${text}; use one of ${Object.keys(v).sort().join(', ')}`);
      return found;
    };
    return { at, value };
  }

  #call(name: string, at: number): Term {
    const args: Term[] = [];
    do args.push(this.expression());
    while (this.take(','));
    if (!this.take(')')) throw this.unexpected('")"');
    const [count, size] = args;
    if (name === 'grid') {
      if (args.length !== 2 || !count || !size)
        throw this.errorAt(at, 'grid takes two arguments: the number of invocations and the size of a workgroup');
      const value = () => {
        throw this.errorAt(at, 'grid gives three numbers, so it must stand alone, as in --workgroups "grid(a, 64)"');
      };
      return { at, grid: [count, size], value };
    }
    const f = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (!f) throw this.errorAt(at, `there is no function ${name}; use ${Object.keys(FUNCTIONS).join(', ')} or grid`);
    if (args.length < f.min || args.length > f.max)
      throw this.errorAt(at, `${name} takes ${f.max === 1 ? 'one argument' : 'arguments'}, got ${args.length}`);
    return { at, value: (v) => f.of(...args.map((a) => a.value(v))) };
  }

  list(): Term[] {
    const found = [this.expression()];
    while (this.take(',')) found.push(this.expression());
    this.end();
    return found;
  }
}

/** Parses the expression given for `option`. Throws `UsageError` with the column and a caret. */
export function parseExpression(option: string, text: string): Expression {
  const parser = new Parser(option, text);
  const { value } = parser.expression();
  parser.end();
  return { text, evaluate: value };
}

/**
 * Parses `NAME=expression, NAME=expression`; the text may be empty. With `parts` a name may be that of a component or an
 * element, such as `v.x` or `list[0]`.
 */
export function parseAssignments(option: string, text: string, parts = false): Map<string, Expression> {
  const parser = new Parser(option, text);
  const found = new Map<string, Expression>();
  if (parser.peek().kind === 'end') return found;
  do {
    const { text: name, at } = parser.name(parts);
    if (found.has(name)) throw parser.errorAt(at, `${name} is given twice`);
    if (!parser.take('=')) throw parser.unexpected('"="');
    found.set(name, { text: name, evaluate: parser.expression().value });
  } while (parser.take(','));
  parser.end();
  return found;
}

export interface WorkgroupCount {
  /**
   * Counts in x, y and z for one call. `fold` turns `grid(invocations, size)` into counts, in two dimensions if necessary.
   */
  evaluate(values: Values, fold: (count: number, size: number) => [number, number, number]): [number, number, number];
}

/** Parses workgroup counts: one to three expressions (the others are 1), or `grid(invocations, size)`. No count may exceed `max`. */
export function parseWorkgroups(option: string, text: string, max: number): WorkgroupCount {
  const parser = new Parser(option, text);
  const list = parser.list();
  const [first, ...more] = list;
  if (list.length > 3)
    throw parser.errorAt((list[3] as Term).at, `there are ${list.length} counts; give at most three, for x, y and z`);
  const grid = first?.grid;
  const counted = (v: Values, term: Term, name: string) => {
    const n = term.value(v);
    if (Number.isInteger(n) && n >= 1 && n <= max) return n;
    const advice = !Number.isInteger(n) && n > 0 ? '; wrap it in ceil( )' : n > max ? `; fold it with grid( )` : '';
    throw parser.errorAt(term.at, `${name} must be a whole number from 1 to ${max}, but it is ${n}${advice}`);
  };
  return {
    evaluate: (v, fold) => {
      if (grid && !more.length) return fold(Math.ceil(grid[0].value(v)), counted(v, grid[1], 'the workgroup size'));
      const [x = 1, y = 1, z = 1] = list.map((t, i) => counted(v, t, `the count in ${'xyz'[i]}`));
      return [x, y, z];
    },
  };
}
