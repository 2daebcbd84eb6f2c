import { table } from '../compiler/plan-text.js';
import type { Contract, ContractName } from './contract.js';
import type { Differences } from './differences.js';
import type { TimedFailure } from './recheck.js';
import { launchText, percent, roofText, threeDigits } from './text.js';
import type { CheckResult, Failure } from './user-check.js';
import type { TimedCase, TimedRow, TimeResult } from './user-time.js';

/** Largest number of cases that a list names. */
const MAX_NAMED = 5;

const number = (v: number | null) => (v === null ? 'not a number' : String(Number(v.toPrecision(6))));

/** All digits of a number, for numbers that differ in the last one. */
const digits = (v: number | null) => (v === null ? 'not a number' : String(v));

/** The number of elements that differ, and their errors. */
export function differencesText(d: Differences): string {
  const max = d.maxError === null ? '' : `, by ${threeDigits(d.maxError)} at most`;
  const error = d.nmse === null ? '' : `; NMSE ${d.nmse.toExponential(1)}`;
  return `${d.differing} of ${d.total} elements differ${max}${error}`;
}

/** The first element that differs, and its actual and expected value. */
export function elementText(f: Failure): { element: string; got: string; expected: string } {
  const where = Object.entries(f.coordinates).map(([letter, i]) => `${letter}=${i}`);
  return {
    element: `${f.output}[${where.join(', ')}], element ${f.index} of ${f.shape.join('×')}`,
    got: f.kind === 'unwritten' ? 'never written' : f.kind === 'changing' ? digits(f.got) : number(f.got),
    expected: f.kind === 'changing' ? `${digits(f.expected)} in the first run` : number(f.expected),
  };
}

/** The layout and run in which a failure appears. */
export function whereText({ layout, run }: Failure): string {
  return run === 1 ? layout : `${layout}; right in the first run, not in the ${run === 2 ? 'second' : 'third'}`;
}

function failureText(f: Failure): string {
  const head = `  ${f.case} (${whereText(f)})`;
  if (f.kind === 'wrote outside')
    return `${head}\n    memory outside ${f.output} was overwritten, at element ${f.index} of its buffer`;
  const { element, got, expected } = elementText(f);
  if (f.kind === 'changing') return `${head}\n    ${element}: got ${got}, but ${expected}\n    ${differencesText(f)}`;
  const found = f.kind === 'unwritten' ? got : `got ${got}`;
  return `${head}\n    ${element}: ${found}, expected ${expected}\n    ${differencesText(f)}`;
}

/** The result of a check: success, or the first wrong case with its first wrong element and an explanation. */
export function checkText(r: CheckResult, tolerance: number): string {
  const lines: string[] = [];
  const [first, ...rest] = r.failures;
  const where = r.layouts.length > 1 ? ` (${r.layouts.map((x) => `${x.cases} ${x.name}`).join(', ')})` : '';
  if (!first)
    lines.push(
      `right on ${r.cases.length} cases${where}; largest NMSE against the float64 oracle ` +
        `${r.worst.toExponential(1)} of ${tolerance.toExponential()}`,
    );
  else {
    const ran = r.layouts.find((x) => x.name === first.layout)?.cases ?? r.cases.length;
    lines.push(`WRONG on ${r.failures.length} cases of ${ran}; one of them:`, failureText(first));
    for (const hint of r.looksLike) lines.push(`  looks like: ${hint}`);
    if (rest.length) lines.push('  also wrong:', ...rest.slice(0, MAX_NAMED).map((f) => `    ${f.case}`));
    if (rest.length > MAX_NAMED) lines.push(`    and ${rest.length - MAX_NAMED} more`);
  }
  if (!r.deterministic) lines.push('note: runs gave different bits; our kernels always give the same');
  for (const reason of new Set(r.refused.map((c) => c.reason))) {
    const of = r.refused.filter((c) => c.reason === reason).map((c) => c.case);
    lines.push(`refused ${of.length} (${reason}):`, ...of.slice(0, MAX_NAMED).map((name) => `  ${name}`));
    if (of.length > MAX_NAMED) lines.push(`  and ${of.length - MAX_NAMED} more`);
  }
  return lines.join('\n');
}

const HEAD = [
  'variant',
  'ms',
  'quartiles',
  'GFLOP/s',
  'GB/s',
  'of peak',
  'of roof',
  'first ms',
  'error',
  'time / yours',
];

function cells({ variant, yours, chosen, speed, first, error, ratio }: TimedRow, flops: number): string[] {
  const { times, gflops, gbs, share } = speed;
  return [
    `${yours ? '→ ' : '  '}${variant}${chosen ? ' *' : ''}`,
    threeDigits(times.median),
    times.samples > 1 ? `${threeDigits(times.q1)}…${threeDigits(times.q3)}` : 'one sample',
    flops ? threeDigits(gflops) : '',
    threeDigits(gbs),
    percent(flops ? share.flops : share.bytes),
    roofText(share),
    threeDigits(first.compileMs + first.runMs),
    error === undefined ? 'reference' : error === null ? 'not finite' : error === 0 ? '0' : error.toExponential(0),
    yours ? '' : `${threeDigits(ratio)}×`,
  ];
}

const WHEN = {
  first: 'on this size',
  again:
    'on this size in a run after the timing, before which its results were overwritten: the kernel does not compute them again',
  other: 'on this size in a run on other arguments after the timing: the kernel returns results that it has kept',
};

/** What is wrong with the results of a timed kernel. */
export function wrongText({ kind, when, result, index, got, expected, ...d }: TimedFailure): string {
  const other = kind === 'changing' ? 'the first run gave' : 'our kernel gives';
  const differing = differencesText({ index, got, expected, ...d });
  return `${WHEN[when]}: ${result}, element ${index}: got ${digits(got)}, ${other} ${digits(expected)}; ${differing}`;
}

/** One timed case as a table: the author's kernel comes first, and an asterisk marks what the engine would choose. */
export function timedText({ case: name, rows, wrong, flops }: TimedCase): string {
  const lines = [name, table([HEAD, ...rows.map((r) => cells(r, flops))]), ...launchText(rows)];
  if (wrong) lines.push(`WRONG ${wrongText(wrong)}`);
  return lines.join('\n');
}

/** How the author's kernel compares with ours over all timed cases; empty if nothing was timed. */
export function standingText({ mean, cases }: Pick<TimeResult, 'mean' | 'cases'>): string[] {
  const lines: string[] = [];
  const ratio = (r: number) => (r >= 1 ? `${r.toFixed(2)}× as fast as` : `${(1 / r).toFixed(2)}× slower than`);
  const count = `${cases.length} ${cases.length === 1 ? 'case' : 'cases'}`;
  if (mean.chosen !== null)
    lines.push(`your kernel is ${ratio(mean.chosen)} what the engine chooses (geometric mean of ${count})`);
  if (mean.fastest !== null) lines.push(`your kernel is ${ratio(mean.fastest)} the fastest of ours`);
  return lines;
}

/** What to make of a share of the roof that cannot be; empty if there is none. */
export function suspectText({ suspect }: Pick<TimeResult, 'suspect'>): string[] {
  if (!suspect.length) return [];
  return [
    `SUSPECT: your kernel is above 105 % of the roof, and none of ours is, on ${suspect.join('; ')}`,
    '  Its results were right in every run, on other arguments as well. So it needs fewer operations or bytes than the formula of',
    '  the op, or the machine was disturbed. Run again, and do not cite the figure unless you can say which of these it is.',
  ];
}

/** The summary of all timed cases. */
export function meanText(time: TimeResult): string {
  const { peaks, cases, refused } = time;
  const lines = [
    `* marks what the engine chooses by default. Peaks: ${threeDigits(peaks.gflops)} GFLOP/s, ${threeDigits(peaks.gbs)} GB/s`,
    ...standingText(time),
  ];
  for (const r of refused) lines.push(`refused: ${r.case}: ${r.reason}`);
  lines.push(...suspectText(time));
  if (!cases.length) lines.push('nothing was timed, because the kernel refuses every case');
  return lines.join('\n');
}

const type = (n: ContractName) =>
  n.kind === 'param' ? (n.type ?? (Number.isInteger(n.value) ? 'u32' : 'f32')) : n.kind;
const value = (n: ContractName) => (n.value === undefined ? '' : String(n.value));
const indent = (text: string) =>
  text
    .split('\n')
    .map((l) => (l ? `  ${l}` : l))
    .join('\n');

/** Declarations of variables and their meanings. */
function bindings(argument: string, result: string, texels: number): string[][] {
  return [
    [`var<storage, read> ${argument}: array<f32>`, 'an argument; array<vec4f> if channels, stride and offset are'],
    ['', 'multiples of 4'],
    [`var ${argument}: texture_2d<f32>`, `the same as texels of four values, ${texels} to a row: element e is in`],
    ['', `texel t = e / 4 at (t % ${texels}, t / ${texels}); textureLoad only`],
    [`var ${argument}: texture_storage_2d<rgba32float, read>`, 'the same texture'],
    [`var<storage, read_write> ${result}: array<f32>`, 'a result; write all of its elements and nothing else'],
    ['var<storage, read_write> NAME: array<…>', 'a buffer of your own: --scratch "NAME=ELEMENTS" (4 bytes each)'],
    ['var<uniform> p: Params', 'with struct Params { NAME: u32, … }: u32, i32 or f32, of the names below'],
  ];
}

/** A contract as text. */
export function contractText(c: Contract): string {
  const tensors = c.tensors.map((t) => [
    t.name,
    t.kind,
    t.dtype,
    `[${t.layout.split(' ').join(', ')}]`,
    t.shape.length ? t.shape.join('×') : 'absent',
    t.strided ? 'strided' : 'contiguous',
  ]);
  const strided = c.tensors.filter((t) => t.strided).map((t) => t.name);
  const [some = 'x'] = strided.length ? strided : c.tensors.map((t) => t.name);
  const result = c.tensors.find((t) => t.kind === 'result')?.name ?? 'y';
  const optional = c.tensors.filter((t) => t.kind === 'optional argument').map((t) => t.name);
  const { name: reference = '', kernels = [] } = c.variants.at(-1) ?? {};
  const several = new Set(kernels).size > 1;
  const parts = [...new Set(kernels)].map((_, i) => (several ? String(i + 1) : ''));
  const lines = [
    `${c.op}`,
    '',
    indent(c.formula),
    '',
    `Arguments and results, on the case ${c.sample}`,
    indent(table(tensors)),
    '',
    'Variables are bound by name, in group 0 and at any binding:',
    indent(table(bindings(some, result, c.device.texels))),
    '',
    'Element (row r, channel c) of a tensor is at NAME_offset + r · NAME_stride + c. A strided tensor may be a channel range',
    'of a wider one, or have rows that are aligned to 16 bytes; then stride > channels. The others are contiguous. An offset',
    'need not be 0.',
    ...(optional.length
      ? [`${optional.join(', ')} may be absent; then NAME.channels is 0, and the variable is bound to a dummy buffer.`]
      : []),
    '',
    'Fields of struct Params and override constants that every launch sets, with their values on that case',
    indent(
      table([
        ...c.names.map((n) => [n.name, type(n), value(n), n.meaning]),
        ['NAME_offset', 'u32', '', 'first element of an argument or result'],
        ['NAME_stride', 'u32', '', 'elements from one of its rows to the next'],
      ]),
    ),
    'Fields of your own: --params "NAME=EXPRESSION, …"; overrides of your own: --constants "NAME=EXPRESSION, …"',
    ...(c.others.length
      ? [
          '',
          'Names that --like VARIANT sets in addition, for the variants in the last column',
          indent(table(c.others.map((n) => [n.name, type(n), n.meaning, n.variants.join(', ')]))),
        ]
      : []),
    '',
    'Expressions (--workgroups, --params, --constants, --scratch, --require) may use + - * / % ( ) < <= == != >= > && ||',
    '!, ceil floor round abs sqrt min max, and these names, which have these values on that case',
    indent(wrap(Object.entries(c.expressions).map(([n, v]) => `${n}=${Number(v.toPrecision(6))}`))),
    'Workgroups: "X, Y, Z" (Y and Z default to 1), or "grid(INVOCATIONS, SIZE)" for enough workgroups of SIZE invocations. If',
    'x is not enough, grid folds them into x and y; then index = id.y * groups.x * SIZE + id.x with',
    '@builtin(num_workgroups) groups, as below.',
    '',
    'Our variants on that case (--like VARIANT copies its launch; --example --like VARIANT prints its source)',
    indent(
      table(
        c.variants.map((v) => [
          v.name,
          v.rejects
            ? `does not run: ${v.rejects}`
            : v.kernels.map((k, i) => `${k} ${v.workgroups[i]?.join('×')}`).join(', '),
        ]),
      ),
    ),
    '',
    `${c.device.adapter}`,
    indent(
      table([
        ...Object.entries(c.device.limits).map(([n, v]) => [n, String(v)]),
        [
          'subgroups',
          c.device.features.includes('subgroups') ? `${c.device.subgroupSize || 'of several sizes of'} lanes` : 'no',
        ],
        ['f16', c.device.features.includes('shader-f16') ? 'yes' : 'no'],
      ]),
    ),
    '',
    parts.length > 1
      ? `A complete kernel in ${parts.length} parts, our ${reference}; the first part is shown below. Save and run them:`
      : `A complete kernel, our ${reference}. Save and run it:`,
    ...parts.map(
      (part) => `  pose-gan bench --contract ${c.op} --example${part && ` --part ${part}`} > my${part}.wgsl`,
    ),
    `  pose-gan bench --op ${c.op} ${parts.map((part) => `--kernel my${part}.wgsl`).join(' ')} --like ${reference}`,
    '',
    indent(c.example.trimEnd()),
  ];
  return lines.join('\n');
}

/** Words in lines of at most 110 characters. */
function wrap(words: readonly string[]): string {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 110) lines[lines.length - 1] = `${last}  ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}
