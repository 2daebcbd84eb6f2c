import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import type { Losses } from '../../../src/model/trainer.js';
import type { AppContext } from '../app.js';
import { h } from '../dom.js';
import { training } from './client.js';
import { type Curves, curvesOf } from './curves.js';

interface Line {
  readonly loss: keyof Losses;
  readonly label: string;
  readonly colour: string;
}

/** The reconstruction has a scale of its own: beside the others its fall would not be seen. */
const PLOTS: readonly { title: string; lines: readonly Line[] }[] = [
  {
    title: 'Reconstruction',
    lines: [{ loss: 'reconstruction', label: 'Reconstruction', colour: '--series-1' }],
  },
  {
    title: 'Adversarial',
    lines: [
      { loss: 'discriminator', label: 'Discriminator', colour: '--series-2' },
      { loss: 'adversarial', label: 'Generator', colour: '--series-3' },
    ],
  },
];
const HEIGHT = 210;
/** Milliseconds between two drawings of the curves. */
const PACE = 250;
const FAINT = 0.28;

const digits = (v: number | null) => (v === null || v === undefined ? '–' : v.toPrecision(3));

/** Loss curves that follow the run. */
export function lossPlots(app: AppContext): { root: HTMLElement; update(): void; destroy(): void } {
  let log = false;
  let plots: uPlot[] = [];
  let curves: Curves = curvesOf([]);
  let due: ReturnType<typeof setTimeout> | undefined;
  const holders = PLOTS.map(({ title }) =>
    h('div', { class: 'plot', role: 'img', 'aria-label': `${title}: no losses yet` }),
  );
  const toggle = h('input', { type: 'checkbox', id: 'log-scale' });
  const root = h(
    'section',
    { class: 'card plots', 'aria-labelledby': 'losses-title' },
    h(
      'div',
      { class: 'row spread' },
      h('h2', { id: 'losses-title' }, 'Losses'),
      h('label', { class: 'check' }, toggle, 'Log scale'),
    ),
    ...PLOTS.map(({ title }, i) => h('div', {}, h('h3', {}, title), holders[i] ?? null)),
  );

  const data = (i: number): uPlot.AlignedData => {
    const lines = PLOTS[i]?.lines ?? [];
    return [curves.steps, ...lines.flatMap(({ loss }) => [curves.means[loss], curves.smooth[loss]])];
  };
  const make = () => {
    for (const plot of plots) plot.destroy();
    plots = PLOTS.map(({ lines }, i) => {
      const holder = holders[i] ?? root;
      return new uPlot(optionsFor(lines, log, holder.clientWidth, app), data(i), holder);
    });
  };
  const draw = () => {
    due = undefined;
    curves = curvesOf(training.state.rows);
    for (const [i, plot] of plots.entries()) plot.setData(data(i));
    for (const [i, { title, lines }] of PLOTS.entries()) {
      const values = lines.map(({ loss, label }) => `${label} ${digits(curves.smooth[loss].at(-1) ?? null)}`);
      const at = curves.steps.at(-1);
      holders[i]?.setAttribute(
        'aria-label',
        at ? `${title} at iteration ${at}: ${values.join(', ')}` : `${title}: no losses yet`,
      );
    }
  };
  toggle.addEventListener('change', () => {
    log = toggle.checked;
    make();
  });
  const unwatch = app.onTheme(make);
  const resized = new ResizeObserver(() => {
    for (const [i, plot] of plots.entries()) {
      const width = holders[i]?.clientWidth ?? 0;
      if (width && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    }
  });
  // The plots need the width that they will have.
  requestAnimationFrame(() => {
    if (!root.isConnected) return;
    curves = curvesOf(training.state.rows);
    make();
    draw();
    for (const holder of holders) resized.observe(holder);
  });
  return {
    root,
    update: () => {
      due ??= setTimeout(draw, PACE);
    },
    destroy: () => {
      clearTimeout(due);
      unwatch();
      resized.disconnect();
      for (const plot of plots) plot.destroy();
      plots = [];
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
    scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
    legend: { live: true },
    cursor: { sync: { key: 'losses' }, drag: { x: true, y: false } },
    axes: [
      { ...axis, size: 28, gap: 6 },
      { ...axis, size: 44, gap: 6 },
    ],
    series: [
      { label: 'Iteration', value: (_, v) => (v === null || v === undefined ? '–' : String(v)) },
      ...lines.flatMap(({ label, colour }): uPlot.Series[] => {
        const stroke = app.colour(colour);
        const points = { show: false };
        return [
          { label: `${label}, each`, stroke, width: 1, alpha: FAINT, points, value: (_, v) => digits(v) },
          { label, stroke, width: 2, points, value: (_, v) => digits(v) },
        ];
      }),
    ],
  };
}
