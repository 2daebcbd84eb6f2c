import { createContext, Script } from 'node:vm';
import type { IdentityRule } from '../data/identity.js';
import { shorten } from '../data/json.js';
import { UsageError } from '../gpu/errors.js';

/** The time limit for all names together in milliseconds. A pattern that does not backtrack needs a microsecond per name. */
const BUDGET_MS = 10_000;

/**
 * An identity rule from a regular expression. The identity is its first group, or the whole match; a name that does not match is
 * never paired. All names are matched at once in a script with a time limit, since some patterns backtrack for a very long time.
 * Throws a `UsageError` that names the pattern if the time is exceeded, or if it is not a regular expression.
 */
export function identityPattern(pattern: string, names: readonly string[], budgetMs = BUDGET_MS): IdentityRule {
  const refuse = (why: string) => new UsageError(`the identity pattern ${shorten(pattern)} ${why}`);
  try {
    new RegExp(pattern);
  } catch (error) {
    throw refuse(`is not a regular expression: ${(error as Error).message}`);
  }
  const context = createContext({ pattern, names, found: [] });
  const script = new Script(
    'const expression = new RegExp(pattern);\n' +
      'for (const name of names) { const match = expression.exec(name); found.push(match ? (match[1] ?? match[0]) : undefined); }',
  );
  try {
    script.runInContext(context, { timeout: budgetMs });
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    // A pattern is compiled when it is first used, so a pattern that is too large fails only here.
    if (name === 'SyntaxError') throw refuse(`cannot be used: ${message.slice(-200)}`);
    if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw refuse(
      `did not finish within ${budgetMs / 1000} s, at the name ${names[context.found.length]}. Fix: avoid repetitions ` +
        'within repetitions, such as (a+)+, and alternatives that match the same text',
    );
  }
  const identities = new Map(names.map((name, i) => [name, context.found[i] as string | undefined]));
  return (name) => identities.get(name);
}
