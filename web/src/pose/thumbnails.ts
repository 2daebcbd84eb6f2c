import { h, replace } from '../dom.js';

export interface Thumb<T> {
  readonly label: string;
  readonly value: T;
  readonly content: Element;
}

/** Shows small pictures to choose from. Returns a function that marks the chosen one. */
export function thumbnails<T>(
  box: HTMLElement,
  thumbs: readonly Thumb<T>[],
  choose: (value: T) => void,
): (chosen: T | undefined) => void {
  const buttons = thumbs.map(({ label, value, content }) =>
    h(
      'button',
      { type: 'button', class: 'thumb', 'aria-label': label, title: label, onclick: () => choose(value) },
      content,
    ),
  );
  replace(box, buttons);
  return (chosen) => {
    for (const [i, button] of buttons.entries())
      button.setAttribute('aria-pressed', String(chosen !== undefined && thumbs[i]?.value === chosen));
  };
}
