import { UsageError } from '../../gpu/errors.js';
import { parseExpression } from '../expression.js';

/** The values of override constants in one configuration, by name. */
export type Values = Readonly<Record<string, number>>;

/** Override constants and the values that a sweep tries. */
export type Parameters = Readonly<Record<string, readonly number[]>>;

/** Largest number of configurations of a sweep. */
const MAX_CONFIGURATIONS = 500;

/** Parses texts such as `T=8,16,32`. Throws `UsageError` for what is no such list. */
export function parseSweep(texts: readonly string[]): Parameters {
  const found: Record<string, number[]> = {};
  for (const text of texts) {
    const [, name, list = ''] = /^\s*([A-Za-z_]\w*)\s*=(.*)$/.exec(text) ?? [];
    const items = list.split(',').map((v) => v.trim());
    const bad = items.find((v) => !/^-?\d+(?:\.\d+)?$/.test(v));
    if (name === undefined || bad !== undefined)
      throw new UsageError(
        `--sweep: ${bad ? `"${bad}" is not a number in ` : ''}"${text}"; give the name and the values of an override constant, as in --sweep T=8,16,32`,
      );
    if (name in found) throw new UsageError(`--sweep: ${name} is given twice; give all of its values once`);
    const values = items.map(Number);
    if (new Set(values).size < values.length) throw new UsageError(`--sweep: "${text}" has a value twice`);
    found[name] = values;
  }
  const count = Object.values(found).reduce((n, v) => n * v.length, 1);
  if (count > MAX_CONFIGURATIONS)
    throw new UsageError(
      `--sweep: there are ${count} configurations; at most ${MAX_CONFIGURATIONS} can be tried in one sweep`,
    );
  return found;
}

/** Every combination of the values. */
export function configurationsOf(parameters: Parameters): Values[] {
  let found: Values[] = [{}];
  for (const [name, values] of Object.entries(parameters))
    found = found.flatMap((f) => values.map((v) => ({ ...f, [name]: v })));
  return found;
}

/** A configuration as text: `T=8, WG=64`. It is also its key in a document. */
export const configurationText = (values: Values): string =>
  Object.entries(values)
    .map(([n, v]) => `${n}=${v}`)
    .join(', ');

/** The configurations for which the condition of `--where` does not hold. Throws `UsageError` with a caret. */
export function excludedBy(where: string | undefined, configurations: readonly Values[]): ReadonlySet<Values> {
  if (where === undefined) return new Set();
  const condition = parseExpression('--where', where);
  const excluded = new Set(configurations.filter((values) => condition.evaluate(values) === 0));
  if (excluded.size === configurations.length)
    throw new UsageError(`--where: no configuration of --sweep satisfies ${where}`);
  return excluded;
}

/**
 * Expects that every parameter is an override constant of one of the kernels, and that `--constants` sets none of them.
 */
export function expectOverrides(
  parameters: Parameters,
  kernels: readonly { readonly name: string; readonly overrides: readonly string[]; readonly constants?: string }[],
): void {
  const all = [...new Set(kernels.flatMap((k) => k.overrides))];
  for (const name of Object.keys(parameters)) {
    if (!all.includes(name))
      throw new UsageError(
        `--sweep: ${kernels.map((k) => k.name).join(' and ')} has no override ${name}; it has ${all.join(', ') || 'none'}. ` +
          `Declare one, as in: override ${name}: u32 = 8;`,
      );
    if (kernels.some((k) => new RegExp(`(?:^|,)\\s*${name}\\s*=`).test(k.constants ?? '')))
      throw new UsageError(`--sweep: --constants already sets ${name}; remove it there`);
  }
}
