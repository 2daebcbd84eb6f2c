import { h, replace } from './dom.js';
import { recall, remember } from './remember.js';

/** The services that the frame gives to its pages. */
export interface AppContext {
  /** Shows progress, or what has just happened, in a line at the foot of the page; screen readers read it. Empty clears it. */
  status(text: string): void;
  /** Shows rates or times at the right of that line; screen readers do not read them. */
  statusDetail(text: string): void;
  /** Shows a message above the page until the user dismisses it or the returned function is called. */
  notify(text: string, kind?: 'error' | 'note'): () => void;
  /** The adapter of this browser. Without one, no page is shown. */
  readonly adapter: PageAdapter;
  readonly theme: 'light' | 'dark';
  /** Calls the listener when the theme changes, so that a canvas can be redrawn; returns a function that removes it. */
  onTheme(listener: () => void): () => void;
  /** A colour of style.css under the current theme in a form for a canvas, such as `colour('--accent')`. */
  colour(variable: string): string;
}

export interface PageAdapter {
  readonly name: string;
  /** Whether it runs on the CPU. */
  readonly software: boolean;
}

/** Fills `root` with a page and returns a function that removes its listeners. */
export type Mount = (root: HTMLElement, app: AppContext) => () => void;

const THEMES = ['light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const byId = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
};

/** The light or dark theme: that of the system until the user chooses one. */
function themes(button: HTMLElement) {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const listeners = new Set<() => void>();
  let chosen: Theme | undefined = THEMES.find((theme) => theme === recall<string>('theme', ''));
  const systemTheme = (): Theme => (system.matches ? 'dark' : 'light');
  const current = () => chosen ?? systemTheme();
  const show = () => {
    if (chosen) document.documentElement.dataset.theme = chosen;
    else delete document.documentElement.dataset.theme;
    const other = current() === 'dark' ? 'light' : 'dark';
    replace(button, h('span', { class: 'theme-icon', 'aria-hidden': 'true' }));
    button.setAttribute('aria-label', `Change to the ${other} theme`);
    button.title = `Change to the ${other} theme`;
    for (const listener of listeners) listener();
  };
  button.addEventListener('click', () => {
    const next = current() === 'dark' ? 'light' : 'dark';
    chosen = next === systemTheme() ? undefined : next;
    remember('theme', chosen ?? null);
    show();
  });
  system.addEventListener('change', show);
  show();
  return { current, listeners };
}

/** The frame around the pages. */
export function shell(): { context: (adapter: PageAdapter) => AppContext; main: HTMLElement; status(t: string): void } {
  const theme = themes(byId('theme'));
  const messages = byId('messages');
  const statusLine = byId('status');
  const detailLine = byId('status-detail');
  const status = (text: string) => {
    if (statusLine.textContent !== text) statusLine.textContent = text;
  };
  const notify = (text: string, kind: 'error' | 'note' = 'error') => {
    const remove = () => message.remove();
    const message = h(
      'div',
      { class: `message ${kind}` },
      h('p', {}, text),
      h('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss this message', onclick: remove }, '✕'),
    );
    messages.append(message);
    return remove;
  };
  const showAdapter = ({ name, software }: PageAdapter) => {
    replace(byId('adapter'), name, software ? [' ', h('span', { class: 'chip' }, 'on the CPU')] : null);
    byId('adapter').title = `WebGPU adapter: ${name}`;
  };
  const context = (adapter: PageAdapter): AppContext => {
    showAdapter(adapter);
    return {
      status,
      notify,
      adapter,
      statusDetail: (text) => {
        detailLine.textContent = text;
      },
      get theme() {
        return theme.current();
      },
      onTheme: (listener) => {
        theme.listeners.add(listener);
        return () => theme.listeners.delete(listener);
      },
      colour: (variable) => {
        // Only the computed style of an element says which of the two colours of light-dark() applies.
        const probe = h('span', { style: `color: var(${variable})`, hidden: true });
        document.body.append(probe);
        const { color } = getComputedStyle(probe);
        probe.remove();
        return color;
      },
    };
  };
  return { context, main: byId('main'), status };
}
