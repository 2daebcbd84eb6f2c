import { timingText } from '../../../src/gpu/clock.js';
import type { Mount } from '../app.js';
import { h, replace } from '../dom.js';
import { WorkerFailure } from '../rpc.js';
import { BenchView } from './bench-view.js';
import { KernelView } from './kernel-view.js';
import './kernels.css';
import { recall, remember } from '../remember.js';
import type { Catalogue } from './protocol.js';
import { Session, Stopped } from './session.js';
import { inPage } from './status.js';

const TABS = [
  ['bench', 'Benchmark'],
  ['own', 'Your own kernel'],
] as const;

/** The Kernels page: the benchmark on this adapter, and the user's own kernel. */
export const mount: Mount = (root, app) => {
  const session = new Session();
  let leave = () => session.stop();
  replace(
    root,
    h('h1', {}, 'Kernels'),
    h(
      'p',
      { class: 'lead' },
      'Every step of the network is a kernel written by hand in WGSL. This page runs the kernels on your adapter and shows ' +
        'how fast each one is, what share of the adapter’s peak that is, and how far the results are from exact ones. ' +
        'You can also write a kernel yourself, check it, and compare it with ours.',
    ),
  );
  app.status('Opening the adapter in a worker…');
  session.call('open', {}).then(
    (catalogue) => {
      app.status('');
      const bench = new BenchView(session, catalogue, app);
      const own = new KernelView(session, catalogue, app);
      root.append(h('p', { class: 'hint' }, about(catalogue)), ...tabs({ bench: bench.element, own: own.element }));
      leave = () => {
        session.stop();
        bench.destroy();
      };
    },
    (error: unknown) => {
      if (error instanceof Stopped) return;
      app.status('');
      app.notify(inPage(error instanceof Error ? error.message : String(error)));
      if (!(error instanceof WorkerFailure)) throw error;
    },
  );
  return () => leave();
};

function about({ adapter, timing }: Catalogue): string {
  const features = [
    adapter.features.includes('shader-f16') ? 'f16' : 'no f16',
    adapter.features.includes('subgroups') ? `subgroups of ${adapter.subgroupSize || 'several sizes'}` : 'no subgroups',
  ];
  const software = adapter.software ? ' It runs on the CPU, so shares of the peak tell more than times.' : '';
  return `${adapter.name}: ${features.join(', ')}. ${timingText(timing)}${software}`;
}

/** Two tabs with their panels; the arrow keys switch between them. */
function tabs(panels: Readonly<Record<(typeof TABS)[number][0], HTMLElement>>): HTMLElement[] {
  const buttons = TABS.map(([id, title]) =>
    h(
      'button',
      {
        ...{ type: 'button', role: 'tab', id: `tab-${id}`, 'aria-controls': `panel-${id}` },
        onclick: () => show(id),
        onkeydown: (e: KeyboardEvent) => {
          if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
          const other = TABS.find(([name]) => name !== id)?.[0] ?? id;
          show(other);
          buttons[TABS.findIndex(([name]) => name === other)]?.focus();
        },
      },
      title,
    ),
  );
  const show = (id: string) => {
    remember('kernels tab', id);
    for (const [i, [name]] of TABS.entries()) {
      buttons[i]?.setAttribute('aria-selected', String(name === id));
      buttons[i]?.setAttribute('tabindex', name === id ? '0' : '-1');
      panels[name].hidden = name !== id;
    }
  };
  for (const [name] of TABS) {
    panels[name].id = `panel-${name}`;
    panels[name].setAttribute('role', 'tabpanel');
    panels[name].setAttribute('aria-labelledby', `tab-${name}`);
  }
  show(recall<string>('kernels tab', 'bench') === 'own' ? 'own' : 'bench');
  return [h('div', { role: 'tablist', class: 'row', 'aria-label': 'Kernels' }, ...buttons), panels.bench, panels.own];
}
