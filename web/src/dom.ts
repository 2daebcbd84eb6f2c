export type Child = Node | string | number | null | undefined | false | readonly Child[];

/**
 * Attributes by name. `true` sets an empty attribute; `false`, null and undefined set none. A function such as `onclick` becomes
 * an event listener.
 */
export type Props = Readonly<Record<string, string | number | boolean | null | undefined | ((event: never) => void)>>;

const SVG = 'http://www.w3.org/2000/svg';

/** Makes an HTML element: `h('button', { type: 'button', onclick: play }, 'Play')`. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

/** Makes an SVG element. */
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

/** Replaces the content of an element. */
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

/** An id that no other element has, to connect a label with its control. */
export function freshId(prefix = 'f'): string {
  ids++;
  return `${prefix}${ids}`;
}

/** A control with its label above it and an optional hint below it. */
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

/** Saves bytes or text as a file of the user. */
export function download(name: string, content: BlobPart, type = 'application/octet-stream'): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Accepts files that are dropped on an element, which has the class `dropping` while files are dragged over it. Returns a
 * function that undoes this.
 */
export function dropTarget(element: HTMLElement, onFiles: (files: File[], transfer: DataTransfer) => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let depth = 0;
  const hover = (by: number) => {
    depth = Math.max(0, depth + by);
    element.classList.toggle('dropping', depth > 0);
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
      hover(-depth);
      onFiles([...e.dataTransfer.files], e.dataTransfer);
    },
    { signal },
  );
  return () => stop.abort();
}
