import { h, replace } from './dom.js';
import { recall, remember } from './remember.js';

/** What the shell gives to its pages. */
export interface AppContext {
  /** One line at the foot of the page, also read out; empty clears it. For progress and for what just happened. */
  status(text: string): void;
  /** A note at the right of that line that is not read out: rates, times. */
  aside(text: string): void;
  /** A message above the page that stays until it is dismissed, by the visitor or by what is returned. */
  notify(text: string, kind?: 'error' | 'note'): () => void;
  /** The adapter of this browser; pages are only shown where there is one. */
  readonly adapter: PageAdapter;
  readonly theme: 'light' | 'dark';
  /** Calls when the theme changes, for what is drawn on a canvas; returns what ends it. */
  onTheme(listener: () => void): () => void;
  /** A colour of style.css under the current theme, as a canvas takes it: `colour('--accent')`. */
  colour(variable: string): string;
}

export interface PageAdapter {
  readonly name: string;
  /** Runs on the CPU. */
  readonly software: boolean;
}

/** A page: fills `root` and returns what ends it. */
export type Mount = (root: HTMLElement, app: AppContext) => () => void;

const THEMES = ['light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

const byId = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
};

/** Light or dark: as the system says until the visitor chooses. */
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

/** The shell around the pages. */
export function shell(): { context: (adapter: PageAdapter) => AppContext; main: HTMLElement; status(t: string): void } {
  const theme = themes(byId('theme'));
  const messages = byId('messages');
  const statusLine = byId('status');
  const asideLine = byId('aside');
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
      aside: (text) => {
        asideLine.textContent = text;
      },
      get theme() {
        return theme.current();
      },
      onTheme: (listener) => {
        theme.listeners.add(listener);
        return () => theme.listeners.delete(listener);
      },
      colour: (variable) => {
        // Only an element has one of the two that light-dark() gives.
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
