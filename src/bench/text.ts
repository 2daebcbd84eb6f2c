import { table } from '../compiler/plan-text.js';
import { type BenchRow, type Comparison, type Speed, SUSPECT } from './document.js';
import type { CaseResult } from './suite.js';

/** A number to three digits; very small ones have an exponent. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return size === 0 || size >= 1e-4 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}

/** A share of the roof, marked as suspect if it is more than the adapter's peaks allow. */
export const roofText = ({ roof }: Speed['share']) => `${percent(roof)}${roof > SUSPECT ? ' suspect' : ''}`;

export const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** Error of a row against the oracle, and the cases on which it was measured. */
export function errorText({ error }: BenchRow): string {
  if (!error) return '–';
  const value = (e: number | null) => (e === null ? 'not finite' : e === 0 ? '0' : e.toExponential(0));
  const small = error.oracle === 'cases' ? ` (${error.cases} small case${error.cases === 1 ? '' : 's'})` : '';
  const { beside } = error;
  const here = beside && isWrong(beside.nmse) ? `, here ${value(beside.nmse)} against ${beside.variant}` : '';
  return `${value(error.nmse)}${small}${here}`;
}

/** Largest Σ(a − b)² / Σb² that rounding explains; the tests of the rooms allow 1e-7 on small cases. */
const MAX_ERROR = 1e-6;
const isWrong = (e: number | null) => e === null || e > MAX_ERROR;

/** Rows whose results are further from the reference than rounding explains. */
export function suspicious(rows: readonly BenchRow[]): BenchRow[] {
  return rows.filter(({ error }) => error && (isWrong(error.nmse) || (error.beside && isWrong(error.beside.nmse))));
}

const HEAD = ['op', 'variant', 'ms', 'quartiles', 'GFLOP/s', 'GB/s', 'of peak', 'of roof', 'first ms', 'error'];

function cells(r: BenchRow): string[] {
  const names = [r.op, `${r.variant}${r.chosen ? ' *' : ''}`];
  if (!r.speed) return [...names, '–', '', '', '', '', '', '', `${errorText(r)}  ${r.untimed ?? ''}`];
  const { times, share, gflops, gbs } = r.speed;
  return [
    ...names,
    threeDigits(times.median),
    times.samples > 1 ? `${threeDigits(times.q1)}…${threeDigits(times.q3)}` : 'one sample',
    r.flops ? threeDigits(gflops) : '',
    threeDigits(gbs),
    percent(r.flops ? share.flops : share.bytes),
    roofText(share),
    r.first ? threeDigits(r.first.compileMs + r.first.runMs) : '',
    errorText(r),
  ];
}

/** From this share on, a time says more about the launch than about the kernel. */
const MOSTLY = 0.5;

/** A warning that names the rows whose time is mostly launch overhead; empty if there is none. */
export function launchText(rows: readonly { readonly variant: string; readonly launch?: number }[]): string[] {
  const found = rows.filter((r) => (r.launch ?? 0) > MOSTLY);
  if (!found.length) return [];
  const names = found.map((r) => `${r.variant} (${threeDigits(100 * Math.min(1, r.launch ?? 0))} %)`);
  return [
    `mostly launch overhead, the share that empty dispatches would take in brackets: ${names.join(', ')}.`,
    '  Times of a case this small say little about the kernel; time a larger one with --case',
  ];
}

/** One case as a table; an asterisk marks what the engine chooses by default. */
export function caseText({ selected, rows, composed }: CaseResult): string {
  const lines = [`${selected.room.name}: ${selected.c.name}`];
  if (rows.length) lines.push(table([HEAD, ...rows.map(cells)]), ...launchText(rows));
  for (const pass of ['forward', 'training'] as const) {
    const comparison = composed?.[pass];
    if (!comparison) continue;
    const { fused, composed: simple, timeRatio, memoryRatio } = comparison;
    lines.push(
      `${pass}: the fused op takes ${threeDigits(fused.times.median)} ms, ` +
        `its composition of simpler ops ${threeDigits(simple.times.median)} ms: ` +
        `${threeDigits(timeRatio)}× the time and ${threeDigits(memoryRatio)}× the memory`,
    );
  }
  return lines.join('\n');
}

/** The comparison with an older benchmark: old time / new time for every row of both. */
export function comparisonText({ rows, mean, chosenMean, onlyBefore, onlyNow, differences }: Comparison): string {
  const ratio = (r: number | null) => (r === null ? '–' : `${r.toFixed(2)}×`);
  const lines: string[] = [];
  if (differences.length) lines.push('The conditions DIFFER:', ...differences.map((d) => `  ${d}`));
  if (rows.length)
    lines.push(
      table([
        ['room', 'case', 'kernel', 'ms before', 'ms now', 'before / now'],
        ...rows.map(({ now, before, ratio: r }) => [
          now.room,
          now.case,
          `${now.op}/${now.variant}${now.chosen ? ' *' : ''}`,
          threeDigits(before.speed?.times.median ?? Number.NaN),
          threeDigits(now.speed?.times.median ?? Number.NaN),
          ratio(r),
        ]),
      ]),
    );
  lines.push(
    `geometric mean over ${rows.length} rows: ${ratio(mean)}; for the variants that the engine chose then and chooses now: ` +
      `${ratio(chosenMean)} (a ratio above 1 means that the new benchmark is faster)`,
  );
  for (const [when, names] of [
    ['before', onlyBefore],
    ['now', onlyNow],
  ] as const)
    if (names.length) lines.push(`timed only ${when}:`, ...names.map((n) => `  ${n}`));
  return lines.join('\n');
}
