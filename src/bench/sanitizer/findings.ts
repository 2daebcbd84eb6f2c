import type { Use } from './accesses.js';
import type { Site } from './instrument.js';
import type { Bits, Log, LoggedDispatch } from './log.js';
import { SETTINGS, SITE_WORDS, VARIABLE_WORDS } from './runtime.js';

/** An invocation, by its index in its workgroup and the index of that workgroup. */
export interface Invocation {
  readonly local: number;
  readonly group: number;
}

/** A place in the source and the invocation that it was run by. */
interface Place {
  readonly line: number;
  /** The text of the place. */
  readonly text: string;
  readonly use: Use;
  readonly by: Invocation;
}

/** A fault that the sanitizer has found. */
export interface Finding extends Place {
  readonly kind: 'out of bounds' | 'race';
  readonly file: string;
  /** The case that shows it. */
  readonly case: string;
  readonly variable: string;
  readonly space: 'storage' | 'workgroup';
  /** The first index that was out of bounds, or the scalar that two invocations used, counted from the first of the variable. */
  readonly index: number;
  /** The elements that there are, from `first` to before `end`, if the index is that of a variable in storage. */
  readonly bounds?: { readonly first: number; readonly end: number };
  /** The other place of a race. */
  readonly other?: Place;
  /** Equal for findings of the same places. */
  readonly key: string;
}

/** What the log of a launch says after it has run. `late` says in words which barriers were too many to be told apart. */
export function findingsOf({ dispatches }: Log, words: Uint32Array): { findings: Finding[]; late: string[] } {
  const findings: Finding[] = [];
  const late: string[] = [];
  for (const dispatch of dispatches) {
    const { base, shader, file } = dispatch;
    if (words[base + SETTINGS.indexOf('late')])
      late.push(`${file} has more barriers than can be told apart; races behind them were not looked for`);
    const at = base + SETTINGS.length + VARIABLE_WORDS * shader.variables.length;
    for (const [i, site] of shader.sites.entries()) {
      const of = words.subarray(at + SITE_WORDS * i, at + SITE_WORDS * (i + 1));
      if (of[0]) findings.push(outside(dispatch, words, site, of));
      if (of[4]) findings.push(race(dispatch, site, of));
    }
  }
  return { findings, late };
}

const word = (of: Uint32Array, i: number) => of[i] as number;

function invocationOf(entry: number, { site, local, group }: Bits): Invocation {
  const who = entry >>> site;
  return { local: (who >>> group) & (2 ** local - 1), group: who & (2 ** group - 1) };
}

function common({ shader, file }: LoggedDispatch, { line, text, use, variable }: Site) {
  const { name, space } = shader.variables[variable] as (typeof shader.variables)[number];
  return { file, case: '', variable: name, space, line, text, use };
}

function outside(dispatch: LoggedDispatch, words: Uint32Array, site: Site, of: Uint32Array): Finding {
  const { base, bits } = dispatch;
  const found = common(dispatch, site);
  const head = base + SETTINGS.length + VARIABLE_WORDS * site.variable;
  const inStorage = found.space === 'storage' && word(of, 2) === 0;
  return {
    ...{ ...found, kind: 'out of bounds', index: word(of, 1), by: invocationOf(word(of, 3), bits) },
    ...(inStorage && { bounds: { first: word(words, head), end: word(words, head + 1) } }),
    key: ['outside', found.file, site.line, site.text].join(' '),
  };
}

function race(dispatch: LoggedDispatch, site: Site, of: Uint32Array): Finding {
  const { bits, shader } = dispatch;
  const entry = word(of, 5);
  const { line, text, use } = shader.sites[entry & (2 ** bits.site - 1)] as Site;
  const found = common(dispatch, site);
  const places = [`${line} ${text}`, `${found.line} ${found.text}`].sort();
  return {
    ...{ ...found, kind: 'race', index: word(of, 6), by: invocationOf(word(of, 7), bits) },
    other: { line, text, use, by: invocationOf(entry, bits) },
    key: ['race', found.file, ...places].join(' '),
  };
}
