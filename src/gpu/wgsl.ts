import {
  type AttributeElem,
  type DeclIdent,
  evalConstExpr,
  type FnElem,
  type GlobalVarElem,
  type HasAttributes,
  type LinkBindings,
  type OverrideElem,
  offsetToLineNumber,
  resolveTypeRef,
  type Scope,
  scalarToNumber,
  type Type,
  type WeslAST,
} from 'wesl/core';
import { UsageError } from './errors.js';
import { refuseImports } from './imports.js';
import type { ShaderBinding, ShaderOverride, ShaderParam, ShaderSource } from './shader.js';
import { type ResolvedWgsl, resolveWgsl } from './wgsl-names.js';

/** The declarations of a WGSL text. */
export interface ParsedWgsl {
  /** WGSL features named by `enable …;` directives. */
  readonly enables: readonly string[];
  /** The first place that the parser did not understand, if any, and why. */
  readonly problem: string | undefined;
  /**
   * The interface of one compute function. `entryPoint` names it if there are several. Throws `UsageError` for a variable that the
   * engine cannot bind.
   */
  source(entryPoint?: string): ShaderSource;
}

/** Reads the interface of a WGSL text. Throws `UsageError` that names `file`. */
export function readWgsl(file: string, code: string, entryPoint?: string): ShaderSource {
  refuseImports(file, code);
  const parsed = parseWgsl(file, code);
  if (parsed.problem) throw new UsageError(parsed.problem);
  return parsed.source(entryPoint);
}

/** Parses a WGSL text. It never throws, because the device's compiler decides whether a text is valid. */
export function parseWgsl(file: string, code: string): ParsedWgsl {
  let module: Module | undefined;
  let problem: string | undefined;
  try {
    const resolved = resolveWgsl(file, code);
    problem = resolved.problem;
    module = new Module(file, resolved);
  } catch (error) {
    problem ??= `${file}: ${(error as Error).message}`;
  }
  return {
    enables: module?.enables ?? [],
    problem,
    source: (entryPoint) => {
      if (!module) throw new UsageError(problem ?? file);
      return module.source(entryPoint);
    },
  };
}

/** A parsed text with resolved names. */
class Module {
  readonly enables: string[] = [];
  readonly #entries: FnElem[] = [];
  readonly #variables: GlobalVarElem[] = [];
  readonly #overrides: OverrideElem[] = [];
  readonly #bindings: LinkBindings;
  private readonly ast: WeslAST;

  constructor(
    private readonly file: string,
    { ast, bindings }: ResolvedWgsl,
  ) {
    this.ast = ast;
    this.#bindings = bindings;
    for (const d of ast.moduleElem.decls) {
      if (d.kind === 'directive' && d.directive.kind === 'enable')
        this.enables.push(...d.directive.extensions.map((e) => e.name));
      if (d.kind === 'fn' && attribute(d, 'compute')) this.#entries.push(d);
      if (d.kind === 'gvar') this.#variables.push(d);
      if (d.kind === 'override') this.#overrides.push(d);
    }
  }

  source(entryPoint: string | undefined): ShaderSource {
    const entry = this.#entry(entryPoint);
    const used = this.#reached(entry);
    const bindings: ShaderBinding[] = [];
    let uniform: { name: string; type: Type } | undefined;
    for (const v of this.#variables) {
      const binding = used.has(v.name.decl.ident) && this.#binding(v);
      if (!binding) continue;
      bindings.push(binding);
      if (binding.type !== 'uniform') continue;
      if (uniform) throw this.#error(v, `is uniform, as is ${uniform.name}; a kernel can have only one`);
      uniform = { name: binding.name, type: this.#type(v) };
    }
    return {
      ...{ code: this.ast.srcModule.src, entryPoint: entry.name.ident.originalName, bindings },
      params: uniform
        ? this.#numbers(uniform.name, uniform.type, uniform.type.kind === 'struct' ? '' : uniform.name, 0)
        : [],
      paramBytes: uniform ? this.#layout(uniform.type).size : 0,
      ...{ overrides: this.#overrides.map((o) => this.#override(o)), enables: this.enables },
    };
  }

  #entry(wanted: string | undefined): FnElem {
    const names = this.#entries.map((f) => f.name.ident.originalName);
    const [first] = this.#entries;
    if (!first) throw new UsageError(`${this.file}: no @compute function`);
    if (wanted === undefined && names.length > 1)
      throw new UsageError(
        `${this.file} has ${names.length} @compute functions (${names.join(', ')}); choose one with --entry NAME`,
      );
    const found = wanted === undefined ? first : this.#entries[names.indexOf(wanted)];
    if (found) return found;
    throw new UsageError(`${this.file} has no @compute function ${wanted}; it has ${names.join(', ')}`);
  }

  /** The declarations that a function refers to, directly or through others. */
  #reached(entry: FnElem): ReadonlySet<DeclIdent> {
    const found = new Set<DeclIdent>([entry.name.ident]);
    const walk = (scope: Scope) => {
      for (const item of scope.contents) {
        const decl = item.kind === 'ref' && this.#bindings.refersTo.get(item);
        if (decl && decl !== 'std' && decl.isGlobal) found.add(decl);
        if (item.kind === 'scope' || item.kind === 'partial') walk(item);
      }
    };
    // The loop also visits elements that are added to the set meanwhile.
    for (const { dependentScope } of found) if (dependentScope) walk(dependentScope);
    return found;
  }

  /** How a variable is bound, or `undefined` for workgroup and private variables. */
  #binding(v: GlobalVarElem): ShaderBinding | undefined {
    const [space, access = 'read'] = v.template?.map((t) => t.name) ?? [];
    if (space === 'private' || space === 'workgroup') return undefined;
    const group = this.#number(v, 'group');
    const index = this.#number(v, 'binding');
    if (group !== 0) throw this.#error(v, `is in group ${group}; kernels use only group 0`);
    const name = v.name.decl.ident.originalName;
    if (space === 'uniform') return { index, name, type: 'uniform' };
    if (space === 'storage') return { index, name, type: access === 'read_write' ? 'storage' : 'read-only-storage' };
    const type = this.#type(v);
    const sampled = type.kind === 'texture' && type.name === 'texture_2d' && type.sampled?.scalar === 'f32';
    const stored = type.kind === 'texture' && type.name === 'texture_storage_2d' && type.format === 'rgba32float';
    if (!sampled && !(stored && type.access === 'read'))
      throw this.#error(v, 'must be uniform, storage, a texture_2d<f32> or a texture_storage_2d<rgba32float, read>');
    return { index, name, type: 'texture' };
  }

  #type(v: GlobalVarElem): Type {
    const { typeRef } = v.name;
    if (!typeRef) throw this.#error(v, 'has no type');
    return resolveTypeRef(typeRef, { bindings: this.#bindings });
  }

  #override(o: OverrideElem): ShaderOverride {
    const name = o.name.decl.ident.originalName;
    return attribute(o, 'id') ? { name, id: this.#number(o, 'id') } : { name };
  }

  /** The number of an attribute, which is a constant expression. */
  #number(of: GlobalVarElem | OverrideElem, name: string): number {
    const number = this.#attributeNumber(of, name);
    if (number === undefined)
      throw this.#error(of, `has an attribute @${name} that could not be evaluated; write a number`);
    return number;
  }

  #attributeNumber(of: HasAttributes, name: string): number | undefined {
    const [parameter] = attribute(of, name)?.params ?? [];
    const value = parameter && evalConstExpr(parameter.expression, { bindings: this.#bindings });
    return value ? scalarToNumber(value) : undefined;
  }

  /** The numbers of a uniform variable, or of one of its fields, at `offset`. The fields of a structure keep their own names. */
  #numbers(variable: string, type: Type, name: string, offset: number): ShaderParam[] {
    if (type.kind === 'scalar' && (type.scalar === 'u32' || type.scalar === 'i32' || type.scalar === 'f32'))
      return [{ name, type: type.scalar, offset }];
    if (type.kind === 'vector')
      return Array.from('xyzw'.slice(0, type.size)).flatMap((c, i) =>
        this.#numbers(variable, type.elem, `${name}.${c}`, offset + 4 * i),
      );
    if (type.kind === 'array' && type.count !== undefined) {
      const stride = this.#stride(type.elem);
      return Array.from({ length: type.count }).flatMap((_, i) =>
        this.#numbers(variable, type.elem, `${name}[${i}]`, offset + i * stride),
      );
    }
    if (type.kind === 'struct')
      return this.#fields(type).flatMap((f) => this.#numbers(variable, f.type, f.name, offset + f.offset));
    throw new UsageError(
      `${this.file}: ${name || variable} is ${described(type)}; the numbers of a uniform variable are u32, i32 or f32, ` +
        'vectors and arrays of them, or structures of those',
    );
  }

  #fields(type: Type & { kind: 'struct' }): { name: string; type: Type; offset: number }[] {
    let end = 0;
    return type.members.map((member, i) => {
      const { align, size } = this.#member(type, i);
      const offset = align * Math.ceil(end / align);
      end = offset + size;
      return { ...member, offset };
    });
  }

  #member(type: Type & { kind: 'struct' }, i: number): Layout {
    const layout = this.#layout(type.members[i]?.type as Type);
    const elem = type.structElem?.members[i];
    if (!elem) return layout;
    return {
      align: this.#attributeNumber(elem, 'align') ?? layout.align,
      size: this.#attributeNumber(elem, 'size') ?? layout.size,
    };
  }

  #stride(type: Type): number {
    const { align, size } = this.#layout(type);
    return align * Math.ceil(size / align);
  }

  /** The alignment and the size in bytes, as WGSL defines them. */
  #layout(type: Type): Layout {
    if (type.kind === 'vector') return { align: type.size === 2 ? 8 : 16, size: 4 * type.size };
    if (type.kind === 'array')
      return { align: this.#layout(type.elem).align, size: (type.count ?? 0) * this.#stride(type.elem) };
    if (type.kind !== 'struct') return { align: 4, size: 4 };
    const align = Math.max(4, ...type.members.map((_, i) => this.#member(type, i).align));
    const last = this.#fields(type).at(-1);
    const end = last ? last.offset + this.#member(type, type.members.length - 1).size : 0;
    return { align, size: align * Math.ceil(end / align) };
  }

  #error(of: GlobalVarElem | OverrideElem, what: string): UsageError {
    const [line] = offsetToLineNumber(of.start, this.ast.srcModule.src);
    return new UsageError(`${this.file}: line ${line}: variable ${of.name.decl.ident.originalName} ${what}`);
  }
}

interface Layout {
  readonly align: number;
  readonly size: number;
}

function attribute(of: HasAttributes, name: string) {
  const isNamed = ({ attribute: a }: AttributeElem) => a.kind === '@attribute' && a.name === name;
  const found = of.attributes?.find(isNamed)?.attribute;
  return found?.kind === '@attribute' ? found : undefined;
}

function described(type: Type): string {
  if (type.kind === 'scalar') return type.scalar;
  if (type.kind === 'array') return 'an array without a size';
  return type.kind === 'matrix' ? 'a matrix' : `a ${type.kind}`;
}
