import {
  type AbstractElem,
  childElems,
  type DeclIdent,
  type ExpressionElem,
  type FunctionCallExpression,
  type GlobalVarElem,
  type LinkBindings,
  type RefIdentElem,
} from 'wesl/core';

/** How a place is used. `pointer`: its address goes where the sanitizer does not follow it. */
export type Use = 'read' | 'write' | 'atomic' | 'uniform load' | 'pointer';

/** A step from a variable to a part of it: an element of an array, a component of a vector, or a member. */
type Step = { readonly index: ExpressionElem } | { readonly member: string };

/** A place in the source that uses a variable, or a part of it. */
export interface Access {
  readonly variable: GlobalVarElem;
  /** The name of the variable in this place. */
  readonly root: RefIdentElem;
  readonly steps: readonly Step[];
  readonly use: Use;
  readonly start: number;
  readonly end: number;
}

/** A call of a barrier. */
interface Barrier {
  readonly name: 'workgroupBarrier' | 'storageBarrier';
  readonly start: number;
}

/** Everything in a WGSL text that the sanitizer rewrites. */
export interface Found {
  readonly accesses: readonly Access[];
  readonly barriers: readonly Barrier[];
}

/** Finds the uses of variables, and the barriers, in the functions of a module. */
export function findAccesses(
  decls: readonly AbstractElem[],
  bindings: LinkBindings,
  variables: ReadonlyMap<DeclIdent, GlobalVarElem>,
): Found {
  const finder = new Finder(bindings, variables);
  for (const d of decls) if (d.kind === 'fn') finder.visit(d.body, 'read');
  return finder;
}

/** The name of the function that a call calls. */
const calledName = ({ function: f }: FunctionCallExpression) =>
  f.kind === 'type' ? f.name.originalName : f.ident.originalName;

type Place = Pick<Access, 'variable' | 'root' | 'steps'>;

class Finder implements Found {
  readonly accesses: Access[] = [];
  readonly barriers: Barrier[] = [];

  constructor(
    private readonly bindings: LinkBindings,
    private readonly variables: ReadonlyMap<DeclIdent, GlobalVarElem>,
  ) {}

  visit(e: AbstractElem, use: Use): void {
    switch (e.kind) {
      case 'assign':
        if (e.lhs.kind !== 'phony') this.visit(e.lhs, 'write');
        this.visit(e.rhs, 'read');
        return;
      case 'increment':
      case 'decrement':
        this.visit(e.target, 'write');
        return;
      case 'unary-expression':
        this.visit(e.expression, e.operator.value === '&' ? 'pointer' : 'read');
        return;
      case 'parenthesized-expression':
        this.visit(e.expression, use);
        return;
      case 'call-expression':
        this.#call(e);
        return;
      case 'component-expression':
      case 'component-member-expression':
      case 'ref':
        this.#place(e, use);
        return;
      case 'type':
        return;
      default:
        for (const child of childElems(e)) this.visit(child, 'read');
    }
  }

  #call(e: FunctionCallExpression): void {
    const name = calledName(e);
    if (name === 'workgroupBarrier' || name === 'storageBarrier') this.barriers.push({ name, start: e.start });
    if (name === 'arrayLength') return;
    const use = name.startsWith('atomic') ? 'atomic' : name === 'workgroupUniformLoad' ? 'uniform load' : 'pointer';
    for (const arg of e.arguments)
      if (arg.kind === 'unary-expression' && arg.operator.value === '&') this.visit(arg.expression, use);
      else this.visit(arg, 'read');
  }

  #place(e: ExpressionElem, use: Use): void {
    const place = this.#placeOf(e);
    if (place) {
      this.accesses.push({ ...place, use, start: e.start, end: e.end });
      for (const step of place.steps) if ('index' in step) this.visit(step.index, 'read');
    } else if (e.kind === 'component-expression') {
      this.visit(e.base, use);
      this.visit(e.access, 'read');
    } else if (e.kind === 'component-member-expression') this.visit(e.base, use);
  }

  /** The variable and the steps of an expression, if it names a part of a variable. */
  #placeOf(e: ExpressionElem): Place | undefined {
    if (e.kind === 'parenthesized-expression') return this.#placeOf(e.expression);
    if (e.kind === 'ref') {
      const decl = this.bindings.refersTo.get(e.ident);
      const variable = decl && decl !== 'std' ? this.variables.get(decl) : undefined;
      return variable && { variable, root: e, steps: [] };
    }
    if (e.kind !== 'component-expression' && e.kind !== 'component-member-expression') return undefined;
    const base = this.#placeOf(e.base);
    const step: Step = e.kind === 'component-expression' ? { index: e.access } : { member: e.access.name };
    return base && { ...base, steps: [...base.steps, step] };
  }
}
