import { table } from '../../compiler/plan-text.js';
import { launchText, roofText, threeDigits } from '../text.js';
import type { SweepDocument, SweptCase, SweptConfiguration, SweptRow } from './document.js';
import { configurationText, type Parameters } from './parameters.js';

/** Largest number of configurations that a table or a list of reasons shows. */
const MAX_SHOWN = 20;

/** A row that was timed and is right. */
export type RightRow = SweptRow & { readonly speed: NonNullable<SweptRow['speed']> };

/** The rows of a case that were timed and are right, the fastest first. */
export function ranked({ rows }: SweptCase): RightRow[] {
  const right = rows.filter((r): r is RightRow => r.speed !== undefined && r.reason === undefined);
  return right.sort((a, b) => a.speed.times.median - b.speed.times.median);
}

/** One case: a grid of milliseconds for two constants, otherwise a table; the best configurations with all their figures. */
export function sweptCaseText(found: SweptCase, parameters: Parameters): string {
  const order = ranked(found);
  const lines = [found.case];
  const names = Object.keys(parameters);
  if (names.length === 2 && order.length) lines.push(gridText(found, parameters));
  const shown = names.length === 2 ? 3 : MAX_SHOWN;
  const rate = ({ speed }: RightRow) => (found.flops ? speed.gflops : speed.gbs);
  const cells = order
    .slice(0, shown)
    .map((r, i) => [
      `${i ? '  ' : '★ '}${configurationText(r.values)}`,
      threeDigits(r.speed.times.median),
      r.speed.times.samples > 1 ? `${threeDigits(r.speed.times.q1)}…${threeDigits(r.speed.times.q3)}` : 'one sample',
      threeDigits(rate(r)),
      roofText(r.speed.share),
      `${threeDigits(r.ours?.ratio ?? Number.NaN)}×`,
    ]);
  const variant = order[0]?.ours?.variant ?? 'ours';
  if (cells.length)
    lines.push(
      table([
        ['configuration', 'ms', 'quartiles', found.flops ? 'GFLOP/s' : 'GB/s', 'of roof', `as fast as ${variant}`],
        ...cells,
      ]),
    );
  if (order.length > shown) lines.push(`${order.length - shown} more are slower`);
  lines.push(...launchText(order.map((r) => ({ variant: configurationText(r.values), launch: r.launch }))));
  for (const r of found.rows) if (r.reason) lines.push(`${configurationText(r.values)}: ${r.reason}`);
  if (!order.length) lines.push('no configuration was timed on this case');
  return lines.join('\n');
}

function gridText(found: SweptCase, parameters: Parameters): string {
  const [[down, rows], [across, columns]] = Object.entries(parameters) as [[string, number[]], [string, number[]]];
  const order = ranked(found);
  const cell = (a: number, b: number) => {
    const row = order.find((r) => r.values[down] === a && r.values[across] === b);
    return row ? `${threeDigits(row.speed.times.median)}${row === order[0] ? ' ★' : ''}` : '–';
  };
  return table([
    [`ms by ${down} and ${across}`, ...columns.map((b) => `${across}=${b}`)],
    ...rows.map((a) => [`${down}=${a}`, ...columns.map((b) => cell(a, b))]),
  ]);
}

/** What the checks found: the number of right configurations, and the others by their reasons. */
export function checkedText({ configurations }: Pick<SweepDocument, 'configurations'>): string {
  const of = (...status: SweptConfiguration['status'][]) => configurations.filter((c) => status.includes(c.status));
  const worst = Math.max(0, ...of('right').map((c) => c.nmse ?? 0));
  const right = of('right').length;
  const lines = [
    `${configurations.length} configurations: ${right} right${right ? ` (NMSE against the float64 oracle at most ${worst.toExponential(1)})` : ''}, ` +
      `${of('wrong').length} wrong, ${of('skipped').length} skipped, ${of('hung').length} without an end`,
  ];
  for (const c of of('wrong', 'hung').slice(0, MAX_SHOWN))
    lines.push(`${c.status === 'hung' ? 'HUNG' : 'WRONG'} ${configurationText(c.values)}: ${c.reason}`);
  for (const reason of new Set(of('skipped').map((c) => c.reason))) {
    const skipped = of('skipped').filter((c) => c.reason === reason);
    lines.push(
      `skipped ${skipped.length} (${reason}): ${skipped
        .slice(0, 6)
        .map((c) => configurationText(c.values))
        .join('; ')}${skipped.length > 6 ? '; …' : ''}`,
    );
  }
  return lines.join('\n');
}

/** How far a configuration is from the best one over all cases that it was timed on. */
interface Overall {
  readonly values: SweptRow['values'];
  /** Geometric mean of its time / the best time of the case. */
  readonly mean: number;
}

/** The configurations that were timed on every case, the best over all first. */
export function overall({ timed }: Pick<SweepDocument, 'timed'>): Overall[] {
  const cases = timed.map(ranked).filter((rows) => rows.length);
  const [first = []] = cases;
  const found = first.flatMap(({ values }) => {
    const text = configurationText(values);
    const ratios = cases.map((rows) => {
      const mine = rows.find((r) => configurationText(r.values) === text);
      return mine ? mine.speed.times.median / (rows[0] as RightRow).speed.times.median : Number.NaN;
    });
    const mean = Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length);
    return Number.isFinite(mean) ? [{ values, mean }] : [];
  });
  return found.sort((a, b) => a.mean - b.mean);
}

/** The best configuration of every case and the best one over all cases. */
export function sweepSummary(doc: SweepDocument): string {
  const lines = doc.timed.flatMap((t) => {
    const [best] = ranked(t);
    return best ? [`★ ${t.case}: ${configurationText(best.values)}, ${threeDigits(best.speed.times.median)} ms`] : [];
  });
  const [best] = overall(doc);
  if (best && doc.timed.length > 1)
    lines.push(
      `over all cases: ${configurationText(best.values)}, ${threeDigits(best.mean)}× the time of the best of each case (geometric mean)`,
    );
  return lines.join('\n');
}
