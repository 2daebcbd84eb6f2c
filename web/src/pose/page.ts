import type { AppContext } from '../app.js';
import { h, replace } from '../dom.js';

/** The Pose page: a person in another pose. */
export function mount(root: HTMLElement, _app: AppContext): () => void {
  replace(root, h('h1', {}, 'Pose'));
  return () => replace(root);
}
