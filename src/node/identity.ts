import { createContext, Script } from 'node:vm';
import { shorten } from '../data/json.js';
import type { IdentityRule } from '../data/pairs.js';
import { UsageError } from '../gpu/errors.js';

/** Milliseconds for all names together; a pattern that does not backtrack needs a microsecond a name. */
const BUDGET_MS = 10_000;

/**
 * A rule from a regular expression: its first group, or all that it matches, is the identity; no match, never paired. All names
 * are matched at once, in a script that is stopped when it takes too long, since some patterns backtrack for longer than anybody
 * waits. `UsageError` that names the pattern then, and when it is not a regular expression.
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
    // A pattern is compiled when it is first used, which is when one that is too large fails.
    if (name === 'SyntaxError') throw refuse(`cannot be used: ${message.slice(-200)}`);
    if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw refuse(
      `did not come to an end within ${budgetMs / 1000} s, at the name ${names[context.found.length]}. Fix: leave out ` +
        'repetitions within repetitions, such as (a+)+, and alternatives that match the same text',
    );
  }
  const identities = new Map(names.map((name, i) => [name, context.found[i] as string | undefined]));
  return (name) => identities.get(name);
}
