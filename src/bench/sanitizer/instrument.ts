import {
  type AbstractElem,
  type AttributeElem,
  type DeclIdent,
  type ExpressionElem,
  type FnElem,
  type GlobalVarElem,
  offsetToLineNumber,
} from 'wesl/core';
import { UsageError } from '../../gpu/errors.js';
import { resolveWgsl } from '../../gpu/wgsl-names.js';
import { type Access, findAccesses, type Use } from './accesses.js';
import { evaluate } from './evaluate.js';
import { PREFIX, runtime, SETTINGS, SHADOW_WORDS, VARIABLE_WORDS } from './runtime.js';
import { cellsOf, countCells, shapeOf, strideOf, type TypeShape } from './shapes.js';

/** A variable whose uses are tested. */
export interface Watched {
  readonly name: string;
  readonly space: 'storage' | 'workgroup';
  readonly writable: boolean;
  readonly shape: TypeShape;
  /** Bytes from one element of a variable in storage to the next. */
  readonly stride: number;
}

/** A place in the source that uses a watched variable. */
export interface Site {
  readonly line: number;
  /** The text of the place. */
  readonly text: string;
  readonly variable: number;
  readonly use: Use;
}

/** A shader whose accesses to memory are tested. */
export interface Instrumented {
  readonly code: string;
  readonly variables: readonly Watched[];
  readonly sites: readonly Site[];
  /** What is not tested, with the line and the reason. */
  readonly untested: readonly string[];
  /** The number of cells of a workgroup variable for the override constants of a launch, if it can be computed. */
  cells(variable: Watched, constants: Readonly<Record<string, number>>): number | undefined;
}

/** The name of a part of what the sanitizer adds to a shader. */
const own = (...parts: (string | number)[]) => PREFIX + parts.join('_');

/**
 * Rewrites a WGSL text so that every index of arrays in storage and workgroup memory is tested, and so that every element of
 * what can be written keeps who used it last. Lines stay where they are. Throws `UsageError` for a text that cannot be
 * rewritten.
 */
export function instrument(file: string, code: string, entryPoint: string, binding: number): Instrumented {
  if (code.includes(PREFIX))
    throw new UsageError(
      `${file} uses a name that begins with ${PREFIX}; --sanitize adds such names, so choose another`,
    );
  return new Instrumenter(file, code, entryPoint, binding);
}

class Instrumenter implements Instrumented {
  readonly code: string;
  readonly variables: Watched[] = [];
  readonly sites: Site[] = [];
  readonly untested: string[] = [];
  readonly #resolved: ReturnType<typeof resolveWgsl>;
  readonly #functions: string[] = [];
  readonly #insertions = new Map<number, { before: string[]; after: string[] }>();
  readonly #indices = new Map<GlobalVarElem, number>();
  /** The variables that have become arrays of one element. */
  readonly #wrapped = new Set<GlobalVarElem>();

  constructor(
    readonly file: string,
    readonly original: string,
    entryPoint: string,
    binding: number,
  ) {
    this.#resolved = resolveWgsl(file, original);
    const { ast, bindings } = this.#resolved;
    const { decls } = ast.moduleElem;
    const byName = new Map<DeclIdent, GlobalVarElem>();
    for (const d of decls) if (d.kind === 'gvar' && this.#watch(d)) byName.set(d.name.decl.ident, d);
    const { accesses, barriers } = findAccesses(decls, bindings, byName);
    for (const { start } of barriers) this.#open(start, PREFIX);
    for (const access of accesses) this.#access(access);
    this.#start(decls, entryPoint);
    this.code = [this.#rewritten(), runtime(binding), ...this.#functions].join('\n');
  }

  cells({ shape }: Watched, constants: Readonly<Record<string, number>>): number | undefined {
    return countCells(shape, (e) => evaluate(e, this.#resolved.bindings, constants));
  }

  /** Whether a variable is watched. A workgroup variable that is no array becomes an array of one element. */
  #watch(d: GlobalVarElem): boolean {
    const [space, access = 'read'] = d.template?.map((t) => t.name) ?? [];
    const { typeRef } = d.name;
    if ((space !== 'storage' && space !== 'workgroup') || !typeRef) return false;
    const name = d.name.decl.ident.originalName;
    let shape = shapeOf(typeRef, this.#resolved.bindings);
    const stride = shape.kind === 'array' ? strideOf(shape.element) : undefined;
    if (space === 'storage' && stride === undefined) {
      this.untested.push(`line ${this.#line(d.start)}: ${name} is no array of scalars, vectors or matrices`);
      return false;
    }
    if (shape.kind !== 'array') {
      this.#open(typeRef.start, 'array<');
      this.#close(typeRef.end, ', 1>');
      shape = { kind: 'array', element: shape, count: { kind: 'literal', value: '1u', start: 0, end: 0 } };
      this.#wrapped.add(d);
    }
    this.#indices.set(d, this.variables.length);
    const writable = space === 'workgroup' || access === 'read_write';
    this.variables.push({ name, space, writable, shape, stride: stride ?? 0 });
    return true;
  }

  #access({ variable, root, steps, use, start, end }: Access): void {
    const index = this.#indices.get(variable) as number;
    const { shape, name } = this.variables[index] as Watched;
    const line = this.#line(start);
    const levels: { at?: ExpressionElem; count?: string; each: string; member: string }[] = [];
    let here: TypeShape = shape;
    const into = (at?: ExpressionElem) => {
      if (here.kind !== 'array') return false;
      const { element, count } = here;
      levels.push({ at, count: count && this.#text(count), each: this.#cells(element), member: '0u' });
      here = element;
      return true;
    };
    if (this.#wrapped.has(variable)) into();
    for (const step of steps) {
      if ('index' in step) {
        if (!into(step.index)) break;
      } else if (here.kind === 'struct') {
        const before = here.members.findIndex((m) => m.name === step.member);
        const last = levels.at(-1);
        if (last)
          last.member = here.members
            .slice(0, before)
            .reduce((sum, m) => `${sum} + ${this.#cells(m.shape)}`, last.member);
        here = here.members[before]?.shape ?? { kind: 'leaf', atomic: false, layout: { size: 4, align: 4 } };
      } else break;
    }
    if (!levels.length || use === 'pointer') {
      const why = use === 'pointer' ? 'is used through a pointer' : 'is used as a whole';
      this.untested.push(`line ${line}: ${name} ${why}; these accesses are not tested`);
    }
    if (!levels.length) return;
    const site = this.sites.length;
    this.sites.push({ line, text: this.original.slice(start, end), variable: index, use });
    const races = use !== 'pointer' && use !== 'atomic' && !(here.kind === 'leaf' && here.atomic);
    for (const [level, { at, ...of }] of levels.entries()) {
      const f = own('at', site, level);
      this.#functions.push(
        this.#index(f, { site, level, last: level === levels.length - 1 }, of, races, this.#cells(here)),
      );
      if (at) {
        this.#open(at.start, `${f}(u32(`);
        this.#close(at.end, '))');
      } else this.#close(root.end, `[${f}(0u)]`);
    }
    if (levels.length > 1)
      this.#functions.push(`var<private> ${own('cell', site)}: u32;\nvar<private> ${own('inside', site)}: bool;`);
  }

  /** The function that tests one index of a site and returns it. After the last index, it notes who used the element. */
  #index(
    f: string,
    { site, level, last }: { site: number; level: number; last: boolean },
    { count, each, member }: { count?: string; each: string; member: string },
    races: boolean,
    cells: string,
  ): string {
    const { use, variable } = this.sites[site] as Site;
    const { space, writable } = this.variables[variable] as Watched;
    const head = SETTINGS.length + VARIABLE_WORDS * variable;
    const [one, cell, inside] = [level === 0 && last, own('cell', site), own('inside', site)];
    const within =
      space === 'storage' && level === 0
        ? `i >= ${own('word')}(${head}u) && i < ${own('word')}(${head + 1}u)`
        : `i < u32(${count})`;
    const lines = [`let ok = ${within};`, `if (!ok) { ${own('outside')}(${site}u, i, ${level}u); }`];
    const here = `i * ${each} + ${member}`;
    if (one) lines.push(`let cell = ${here}; let inside = ok;`);
    else if (level === 0) lines.push(`${cell} = ${here}; ${inside} = ok;`);
    else lines.push(`${cell} += ${here}; ${inside} = ${inside} && ok;`);
    if (last && races && writable) {
      const epoch = own('epoch', space);
      const group = space === 'workgroup' ? ` + ${SHADOW_WORDS}u * ${own('group')} * ${this.#allCells(variable)}` : '';
      const shadow = `${own('word')}(${head + 2}u)${group}`;
      const [c, ok] = one ? ['cell', 'inside'] : [cell, inside];
      const note = `if (${ok}) { ${own('access')}(${use === 'write'}, ${shadow}, ${c}, ${cells}, ${epoch}, ${site}u); }`;
      // A uniform load contains a barrier before and behind the load.
      lines.push(use === 'uniform load' ? `${epoch} += 1u; ${note} ${epoch} += 1u;` : note);
    }
    return `fn ${f}(i: u32) -> u32 { ${lines.join(' ')} return i; }`;
  }

  #allCells(variable: number): string {
    return this.#cells((this.variables[variable] as Watched).shape);
  }

  #cells(shape: TypeShape): string {
    return cellsOf(shape, (e) => this.#text(e));
  }

  /** Adds the call that begins the entry point, and the built-in values that it lacks. */
  #start(decls: readonly AbstractElem[], entryPoint: string): void {
    const entry = decls.find((d): d is FnElem => d.kind === 'fn' && d.name.ident.originalName === entryPoint);
    if (!entry) throw new UsageError(`${this.file} has no function ${entryPoint}`);
    const types = { local_invocation_index: 'u32', workgroup_id: 'vec3u', num_workgroups: 'vec3u' };
    const added: string[] = [];
    const names = Object.entries(types).map(([name, type]) => {
      const known = this.#builtin(entry, name);
      if (!known) added.push(`@builtin(${name}) ${own(name)}: ${type}`);
      return known ?? own(name);
    });
    const open = this.original.indexOf('(', entry.name.end) + 1;
    if (added.length) this.#open(open, `${added.join(', ')}${entry.params.length ? ', ' : ''}`);
    this.#open(entry.body.start + 1, ` ${own('start')}(${names.join(', ')});`);
  }

  /** How an entry point calls a built-in value, if it has it. */
  #builtin(entry: FnElem, name: string): string | undefined {
    const has = (list: readonly AttributeElem[] | undefined) =>
      list?.some(({ attribute: a }) => a.kind === '@builtin' && a.param.name === name);
    for (const p of entry.params) {
      const param = p.name.decl.ident.originalName;
      if (has(p.attributes)) return param;
      const type = p.name.typeRef && this.#resolved.bindings.refersTo.get(p.name.typeRef.name);
      const elem = type && type !== 'std' ? type.declElem : undefined;
      const member = elem?.kind === 'struct' ? elem.members.find((m) => has(m.attributes)) : undefined;
      if (member) return `${param}.${member.name.name}`;
    }
    return undefined;
  }

  #text(e: ExpressionElem): string {
    return e.kind === 'literal' ? e.value : this.original.slice(e.start, e.end);
  }

  #line(at: number): number {
    return offsetToLineNumber(at, this.original)[0];
  }

  #at(position: number) {
    const found = this.#insertions.get(position) ?? { before: [], after: [] };
    this.#insertions.set(position, found);
    return found;
  }

  /** Inserts a text that opens something. Of several at one place, the outer one is inserted first. */
  #open(position: number, text: string): void {
    this.#at(position).after.push(text);
  }

  /** Inserts a text that closes something. Of several at one place, the outer one comes last. */
  #close(position: number, text: string): void {
    this.#at(position).before.unshift(text);
  }

  #rewritten(): string {
    let [code, from] = ['', 0];
    for (const [position, { before, after }] of [...this.#insertions].sort(([a], [b]) => a - b)) {
      code += this.original.slice(from, position) + before.join('') + after.join('');
      from = position;
    }
    return code + this.original.slice(from);
  }
}
