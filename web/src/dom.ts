export type Child = Node | string | number | null | undefined | false | readonly Child[];

/** Attributes by name; `true` sets an empty one, `false`, null and undefined leave it out. Functions listen: `onclick`. */
export type Props = Readonly<Record<string, string | number | boolean | null | undefined | ((event: never) => void)>>;

const SVG = 'http://www.w3.org/2000/svg';

/** An element of HTML: `h('button', { type: 'button', onclick: play }, 'Play')`. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

/** An element of SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill<E extends Element>(element: E, props: Props, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as (e: Event) => void);
    else if (value !== false && value !== null && value !== undefined)
      element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...nodes(children));
  return element;
}

/** Puts these in place of everything that is in an element. */
export function replace(element: Element, ...children: Child[]): void {
  element.replaceChildren(...nodes(children));
}

function nodes(children: readonly Child[]): (Node | string)[] {
  return children.flatMap((c): (Node | string)[] => {
    if (c === null || c === undefined || c === false) return [];
    if (Array.isArray(c)) return nodes(c);
    return [typeof c === 'number' ? String(c) : (c as Node | string)];
  });
}

let ids = 0;

/** An id that no other element has, to tie a label to its control. */
export function freshId(prefix = 'f'): string {
  ids++;
  return `${prefix}${ids}`;
}

/** A control under its label. */
export function field(label: Child, control: HTMLElement, hint?: Child): HTMLElement {
  if (!control.id) control.id = freshId();
  const describedBy = hint ? `${control.id}-hint` : undefined;
  if (describedBy) control.setAttribute('aria-describedby', describedBy);
  return h(
    'div',
    { class: 'field' },
    h('label', { for: control.id }, label),
    control,
    hint ? h('p', { class: 'hint', id: describedBy }, hint) : null,
  );
}

/** Hands bytes or text to the visitor as a file. */
export function download(name: string, content: BlobPart, type = 'application/octet-stream'): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Lets files be dropped on an element; it has the class `dropping` while some hover over it. Returns what undoes it. */
export function dropTarget(element: HTMLElement, onFiles: (files: File[], transfer: DataTransfer) => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let inside = 0;
  const hover = (by: number) => {
    inside = Math.max(0, inside + by);
    element.classList.toggle('dropping', inside > 0);
  };
  const carriesFiles = (e: DragEvent) => e.dataTransfer?.types.includes('Files') ?? false;
  element.addEventListener('dragenter', (e) => carriesFiles(e) && hover(1), { signal });
  element.addEventListener('dragleave', (e) => carriesFiles(e) && hover(-1), { signal });
  element.addEventListener('dragover', (e) => carriesFiles(e) && e.preventDefault(), { signal });
  element.addEventListener(
    'drop',
    (e) => {
      if (!e.dataTransfer || !carriesFiles(e)) return;
      e.preventDefault();
      hover(-inside);
      onFiles([...e.dataTransfer.files], e.dataTransfer);
    },
    { signal },
  );
  return () => stop.abort();
}
