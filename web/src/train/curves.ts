import type { LogRow } from '../../../src/model/iterate.js';
import type { Losses } from '../../../src/model/trainer.js';

/** Largest number of points of a curve; more could not be distinguished. */
const MAX_POINTS = 600;
/** Share of the points over which the smooth line is a moving mean. */
const WINDOW = 1 / 40;

/** Losses over iterations: `means` over the iterations of each point, and `smooth`, moving means of these. */
export interface Curves {
  /** The last iteration of every point. */
  readonly steps: number[];
  readonly means: Readonly<Record<keyof Losses, number[]>>;
  readonly smooth: Readonly<Record<keyof Losses, number[]>>;
}

/** The curves of a run's rows. */
export function curvesOf(rows: readonly LogRow[]): Curves {
  const size = Math.max(1, Math.ceil(rows.length / MAX_POINTS));
  const bins: (readonly LogRow[])[] = [];
  for (let at = 0; at < rows.length; at += size) bins.push(rows.slice(at, at + size));
  const each = <T>(of: (loss: keyof Losses) => T) => ({
    reconstruction: of('reconstruction'),
    discriminator: of('discriminator'),
    adversarial: of('adversarial'),
  });
  const means = each((loss) => bins.map((bin) => bin.reduce((sum, row) => sum + row[loss], 0) / bin.length));
  const window = Math.max(1, Math.round(bins.length * WINDOW));
  return {
    steps: bins.map((bin) => bin.at(-1)?.step ?? 0),
    means,
    smooth: each((loss) => moving(means[loss], window)),
  };
}

/** Means over the last `window` values, or over fewer at the beginning. */
function moving(values: readonly number[], window: number): number[] {
  let sum = 0;
  return values.map((value, i) => {
    sum += value - (i >= window ? (values[i - window] ?? 0) : 0);
    return sum / Math.min(window, i + 1);
  });
}

/** Iterations a second over the last seconds of a run; `undefined` before the second iteration. */
export function rateOf(rows: readonly LogRow[], seconds = 5): number | undefined {
  const last = rows.at(-1);
  if (!last) return undefined;
  let first = rows.length - 1;
  while (first > 0 && last.seconds - (rows[first - 1]?.seconds ?? 0) <= seconds) first--;
  if (first === rows.length - 1) first = Math.max(0, first - 1);
  const span = last.seconds - (rows[first]?.seconds ?? 0);
  return span > 0 ? (last.step - (rows[first]?.step ?? 0)) / span : undefined;
}
