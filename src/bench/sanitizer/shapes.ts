import type { ExpressionElem, LinkBindings, TypeTemplateParameter } from 'wesl/core';

/** What the sanitizer knows of a type: where its arrays and structures are. A scalar, vector or matrix is a leaf. */
export type TypeShape =
  | { readonly kind: 'array'; readonly element: TypeShape; readonly count?: ExpressionElem }
  | { readonly kind: 'struct'; readonly members: readonly { readonly name: string; readonly shape: TypeShape }[] }
  | { readonly kind: 'leaf'; readonly atomic: boolean; readonly layout: Layout };

/** Size and alignment in bytes, as WGSL defines them. */
interface Layout {
  readonly size: number;
  readonly align: number;
}

/** The shape of a type. Names of aliases and structures are looked up in `bindings`. */
export function shapeOf(type: TypeTemplateParameter, bindings: LinkBindings): TypeShape {
  const ident = type.kind === 'type' ? type.name : type.kind === 'ref' ? type.ident : undefined;
  const params = type.kind === 'type' ? (type.templateParams ?? []) : [];
  const decl = ident && bindings.refersTo.get(ident);
  const elem = decl && decl !== 'std' ? decl.declElem : undefined;
  if (elem?.kind === 'alias') return shapeOf(elem.typeRef, bindings);
  if (elem?.kind === 'struct')
    return {
      kind: 'struct',
      members: elem.members.map((m) => ({ name: m.name.name, shape: shapeOf(m.typeRef, bindings) })),
    };
  const [first, second] = params;
  const name = ident?.originalName ?? '';
  if (name === 'array' && first) return { kind: 'array', element: shapeOf(first, bindings), count: second };
  return { kind: 'leaf', atomic: name === 'atomic', layout: leafLayout(name, params[0]) };
}

function leafLayout(name: string, param: TypeTemplateParameter | undefined): Layout {
  const [, kind = '', columns = '', rows = '', suffix = ''] =
    /^(vec|mat)([234])(?:x([234]))?([fiuh]?)$/.exec(name) ?? [];
  const inner =
    param?.kind === 'type' ? param.name.originalName : param?.kind === 'ref' ? param.ident.originalName : '';
  const scalar = (suffix || inner || name) === 'f16' || suffix === 'h' ? 2 : 4;
  if (!kind) return { size: scalar, align: scalar };
  const length = Number(rows || columns);
  const align = scalar * (length === 2 ? 2 : 4);
  return kind === 'vec' ? { size: scalar * length, align } : { size: Number(columns) * align, align };
}

/** Bytes from one element of an array in a buffer to the next; `undefined` if the element holds an array or a structure. */
export function strideOf(element: TypeShape): number | undefined {
  if (element.kind !== 'leaf') return undefined;
  const { size, align } = element.layout;
  return align * Math.ceil(size / align);
}

/** The number of leaves of a type, as a WGSL expression. `text` returns the source of an expression. */
export function cellsOf(shape: TypeShape, text: (e: ExpressionElem) => string): string {
  if (shape.kind === 'leaf') return '1u';
  if (shape.kind === 'struct') return `(${shape.members.map((m) => cellsOf(m.shape, text)).join(' + ')})`;
  return `(u32(${shape.count ? text(shape.count) : '0'}) * ${cellsOf(shape.element, text)})`;
}

/** The number of leaves of a type; `undefined` if the length of an array is not known before the launch. */
export function countCells(shape: TypeShape, value: (e: ExpressionElem) => number | undefined): number | undefined {
  if (shape.kind === 'leaf') return 1;
  if (shape.kind === 'array') {
    const [n, each] = [shape.count && value(shape.count), countCells(shape.element, value)];
    return n === undefined || each === undefined ? undefined : n * each;
  }
  const all = shape.members.map((m) => countCells(m.shape, value));
  return all.includes(undefined) ? undefined : all.reduce<number>((sum, n) => sum + (n ?? 0), 0);
}
