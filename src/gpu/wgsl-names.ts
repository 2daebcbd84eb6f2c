import {
  type DeclIdent,
  firstError,
  type LinkBindings,
  newLinkBindings,
  offsetToLineNumber,
  parseSrcModule,
  type RefIdent,
  type Scope,
  type WeslAST,
} from 'wesl/core';

/** A parsed WGSL text with resolved names. */
export interface ResolvedWgsl {
  readonly ast: WeslAST;
  /** The declaration that every name refers to; names of built-in types and functions are not in it. */
  readonly bindings: LinkBindings;
  /** The first place that the parser did not understand, if any, and why. */
  readonly problem: string | undefined;
}

/** Parses a WGSL text and resolves its names. Throws what the parser throws. */
export function resolveWgsl(file: string, code: string): ResolvedWgsl {
  const ast = parseSrcModule({ modulePath: 'package::main', debugFilePath: file, src: code }, { keepComments: false });
  const error = firstError(ast.diagnostics);
  const problem = error && `${file}: line ${offsetToLineNumber(error.start, code).join(':')}: ${error.message}`;
  const globals = new Map<string, DeclIdent>();
  for (const d of ast.moduleElem.decls) {
    if (d.kind === 'fn' || d.kind === 'struct' || d.kind === 'alias')
      globals.set(d.name.ident.originalName, d.name.ident);
    if (d.kind === 'gvar' || d.kind === 'const' || d.kind === 'override')
      globals.set(d.name.decl.ident.originalName, d.name.decl.ident);
  }
  const bindings = newLinkBindings();
  resolve(ast.rootScope, globals, bindings);
  return { ast, bindings, problem };
}

function resolve(
  scope: Scope,
  globals: ReadonlyMap<string, DeclIdent>,
  { refersTo }: Pick<LinkBindings, 'refersTo'>,
): void {
  for (const item of scope.contents) {
    if (item.kind === 'scope' || item.kind === 'partial') resolve(item, globals, { refersTo });
    if (item.kind !== 'ref') continue;
    const found = local(item, scope) ?? globals.get(item.originalName);
    if (found) refersTo.set(item, found);
  }
}

/**
 * The local declaration that a name refers to: the last one in its scope, or in an enclosing one, that ends before the name. In
 * `let x = x[0];` the right x is therefore not the left one.
 */
function local(ref: RefIdent, from: Scope): DeclIdent | undefined {
  for (let scope: Scope | null = from; scope; scope = scope.parent) {
    const found = declared(scope).findLast(
      (d) => !d.isGlobal && d.originalName === ref.originalName && (d.declElem?.end ?? 0) <= ref.refIdentElem.start,
    );
    if (found) return found;
  }
  return undefined;
}

/** The declarations of a scope. Those of a partial scope belong to the enclosing scope. */
function declared(scope: Scope): DeclIdent[] {
  return scope.contents.flatMap((item) =>
    item.kind === 'decl' ? [item] : item.kind === 'partial' ? declared(item) : [],
  );
}
