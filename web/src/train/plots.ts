import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import type { Losses } from '../../../src/model/trainer.js';
import type { AppContext } from '../app.js';
import { h, replace } from '../dom.js';
import { recall, remember } from '../remember.js';
import { training } from './client.js';
import { type Curves, curvesOf } from './curves.js';

interface Line {
  readonly loss: keyof Losses;
  readonly label: string;
  readonly colour: string;
}

/** The reconstruction loss has its own plot, because its decrease would be invisible on the scale of the others. */
const PLOTS: readonly { title: string; lines: readonly Line[] }[] = [
  {
    title: 'Reconstruction',
    lines: [{ loss: 'reconstruction', label: 'Reconstruction', colour: '--series-1' }],
  },
  {
    title: 'Adversarial game',
    lines: [
      { loss: 'discriminator', label: 'Discriminator', colour: '--series-2' },
      { loss: 'adversarial', label: 'Generator', colour: '--series-3' },
    ],
  },
];
const HEIGHT = 210;
/** Milliseconds between two drawings of the curves. */
const UPDATE_MS = 250;
/** Opacity of the curves that are not smoothed. */
const FAINT = 0.28;
/** Shortest length of the axis in iterations. */
const MIN_LENGTH = 9;
/** Whole numbers of iterations between two marks of the axis. */
const STEPS = Array.from({ length: 7 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();

const digits = (v: number | null | undefined) => (v === null || v === undefined ? '–' : v.toPrecision(3));

/** Loss curves that follow the run. */
export function lossPlots(app: AppContext): { root: HTMLElement; update(): void; destroy(): void } {
  let log = recall<unknown>('train log scale', false) === true;
  let curves: Curves = curvesOf([]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const toggle = h('input', { type: 'checkbox', id: 'log-scale', checked: log });
  const panels = PLOTS.map(panel);
  const root = h(
    'section',
    { class: 'card plots', 'aria-labelledby': 'losses-title' },
    h(
      'div',
      { class: 'row spread' },
      h('h2', { id: 'losses-title' }, 'Losses'),
      h('label', { class: 'check' }, toggle, 'Log scale'),
    ),
    ...panels.map((p) => p.root),
  );

  const make = () => {
    for (const p of panels) p.make(app, log, curves);
  };
  const draw = () => {
    timer = undefined;
    curves = curvesOf(training.state.rows);
    for (const p of panels) p.show(curves);
  };
  toggle.addEventListener('change', () => {
    log = toggle.checked;
    remember('train log scale', log);
    make();
  });
  const unwatch = app.onTheme(make);
  const resized = new ResizeObserver(() => {
    for (const p of panels) p.fit();
  });
  // The plots need their final width, which they have after the layout.
  requestAnimationFrame(() => {
    if (!root.isConnected) return;
    curves = curvesOf(training.state.rows);
    make();
    draw();
    for (const p of panels) resized.observe(p.holder);
  });
  return {
    root,
    update: () => {
      timer ??= setTimeout(draw, UPDATE_MS);
    },
    destroy: () => {
      clearTimeout(timer);
      unwatch();
      resized.disconnect();
      for (const p of panels) p.destroy();
    },
  };
}

/** One plot with its title and the values at the cursor, or the latest values if the cursor is elsewhere. */
function panel({ title, lines }: { title: string; lines: readonly Line[] }) {
  const holder = h('div', { class: 'plot', role: 'img' });
  const place = h('span', { class: 'muted' });
  const values = lines.map(() => h('span'));
  const keys = lines.map(({ label, colour }, i) => {
    const swatch = h('span', { class: 'swatch', style: `background: var(${colour})` });
    return h('span', { class: 'key' }, swatch, lines.length > 1 ? `${label} ` : null, values[i] ?? null);
  });
  const root = h('div', { class: 'panel' }, h('div', { class: 'row' }, h('h3', {}, title), ...keys, place), holder);
  let plot: uPlot | undefined;
  let curves: Curves = curvesOf([]);

  const read = () => {
    const { length } = curves.steps;
    const under = plot?.cursor.idx;
    const at = under === null || under === undefined ? length - 1 : Math.min(under, length - 1);
    for (const [i, { loss }] of lines.entries()) replace(values[i] ?? root, digits(curves.smooth[loss][at]));
    place.textContent = under === null || under === undefined || !length ? '' : `at ${curves.steps[at]}`;
  };
  const data = (): uPlot.AlignedData => [
    curves.steps,
    ...lines.flatMap(({ loss }) => [curves.means[loss], curves.smooth[loss]]),
  ];
  const show = (next: Curves) => {
    curves = next;
    plot?.setData(data());
    read();
    const last = curves.steps.at(-1);
    const values = lines.map(({ loss, label }) => `${label} ${digits(curves.smooth[loss].at(-1))}`).join(', ');
    holder.setAttribute('aria-label', last ? `${title} at iteration ${last}: ${values}` : `${title}: no losses yet`);
  };
  return {
    ...{ root, holder, show },
    make(app: AppContext, log: boolean, next: Curves) {
      plot?.destroy();
      curves = next;
      plot = new uPlot(
        { ...optionsFor(lines, log, holder.clientWidth, app), hooks: { setCursor: [read] } },
        data(),
        holder,
      );
    },
    fit() {
      const { clientWidth: width } = holder;
      if (plot && width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    },
    destroy() {
      plot?.destroy();
      plot = undefined;
    },
  };
}

function optionsFor(lines: readonly Line[], log: boolean, width: number, app: AppContext): uPlot.Options {
  const axis = {
    stroke: app.colour('--muted'),
    grid: { stroke: app.colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    ...{ width, height: HEIGHT },
    // Before the first iteration, show an empty frame with axes.
    scales: {
      x: { time: false, range: (_, from, to) => [from ?? 1, Math.max(to ?? 0, (from ?? 1) + MIN_LENGTH)] },
      y: {
        ...(log ? { distr: 3, log: 2 } : { distr: 1 }),
        range: (_, from, to) => {
          if (from === null || to === null) return log ? [1 / 4, 4] : [0, 1];
          return log ? uPlot.rangeLog(from, to, 2, true) : uPlot.rangeNum(from, to, 0.1, true);
        },
      },
    },
    legend: { show: false },
    cursor: { sync: { key: 'losses' }, drag: { x: false, y: false } },
    axes: [
      { ...axis, size: 28, gap: 6, incrs: STEPS },
      { ...axis, size: 44, gap: 6 },
    ],
    series: [
      {},
      ...lines.flatMap(({ colour }): uPlot.Series[] => {
        const stroke = app.colour(colour);
        const points = { show: false };
        return [
          { stroke, width: 1, alpha: FAINT, points },
          { stroke, width: 2, points },
        ];
      }),
    ],
  };
}
