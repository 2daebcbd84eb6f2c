import { describeAdapter, isSoftware } from '../../src/gpu/adapter-facts.js';
import { type Mount, type PageAdapter, shell } from './app.js';
import { h, replace } from './dom.js';
import { ensureSupportedLanguage } from './language.js';
import { noAdapter } from './no-adapter.js';

interface Page {
  readonly title: string;
  readonly load: () => Promise<{ mount: Mount }>;
}

/** Pages by the name after `#`. A page is loaded when it is opened. */
const pages = new Map<string, Page>([
  ['pose', { title: 'Pose', load: () => import('./pose/page.js') }],
  ['train', { title: 'Train', load: () => import('./train/page.js') }],
  ['kernels', { title: 'Kernels', load: () => import('./kernels/page.js') }],
]);

const app = shell();
let adapter: PageAdapter | undefined;
let leave: () => void = () => {};
/** Counts visits, so that a page that loads late does not replace a page that was opened in the meantime. */
let visit = 0;

async function findAdapter(): Promise<PageAdapter | undefined> {
  const { gpu } = navigator as { gpu?: GPU };
  const found = await gpu?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  return found ? { name: describeAdapter(found.info), software: isSoftware(found.info) } : undefined;
}

async function show(): Promise<void> {
  const hash = location.hash.slice(1);
  const name = pages.has(hash) ? hash : 'pose';
  const page = pages.get(name);
  visit++;
  const mine = visit;
  leave();
  leave = () => {};
  document.title = `${page?.title} · Pose GAN`;
  for (const link of document.querySelectorAll('nav a'))
    if (link.getAttribute('href') === `#${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  adapter ??= await findAdapter();
  if (mine !== visit) return;
  const root = h('div', { class: `page ${name}` });
  replace(app.main, root);
  if (!adapter || !page) {
    noAdapter(root, () => void show());
    return;
  }
  const context = app.context(adapter);
  context.status('');
  context.statusDetail('');
  try {
    const { mount } = await page.load();
    if (mine === visit) leave = mount(root, context);
  } catch (error) {
    context.notify(`The page could not be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
}

// The hash of the address names the page, so the link to the page's content must not change it.
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  app.main.focus();
});
ensureSupportedLanguage();
addEventListener('hashchange', () => void show());
void show();
