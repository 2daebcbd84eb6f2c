import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from '../gpu/errors.js';
import { fail } from './failures.js';
import { endProgress } from './progress.js';
import { sayLayout } from './terminal.js';

type Options = NonNullable<ParseArgsConfig['options']>;
export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

/** One `pose-gan` command. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The words after the name, such as `FOLDER`. */
  readonly usage: string;
  readonly options: Options;
  /** The meaning of each option, by name. */
  readonly help: Readonly<Record<string, string>>;
  readonly examples: readonly string[];
  /** Returns the exit code. */
  run(values: Values, positionals: string[]): Promise<number>;
}

/** The options that every command has. */
const COMMON: Options = {
  adapter: { type: 'string' },
  json: { type: 'boolean' },
  debug: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};
const COMMON_HELP: Readonly<Record<string, string>> = {
  adapter: 'use the adapter whose name contains this (default: the variable POSE_GAN_ADAPTER, else the best adapter)',
  json: 'print one JSON document instead of text',
  debug: 'show where in the program an error happened (as does the variable POSE_GAN_DEBUG=1)',
  help: 'print this help',
};

/** Parses the arguments of a command. Throws a `UsageError` that names `--help` for an unknown or malformed argument. */
function parseCommand(command: Command, args: string[]): { values: Values; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { ...command.options, ...COMMON },
      allowPositionals: true,
    });
    return { values: values as Values, positionals };
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See pose-gan ${command.name} --help.`);
  }
}

/** Parses the arguments and runs the command. An error is printed as a line on stderr. Returns the exit code. */
export async function runCommand(command: Command, args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseCommand(command, args);
    if (values.help) {
      sayLayout(helpText(command));
      return 0;
    }
    return await command.run(values, positionals);
  } catch (error) {
    endProgress();
    return fail(`pose-gan ${command.name}`, error);
  }
}

function helpText(command: Command): string {
  const all = { ...command.options, ...COMMON };
  const flags = Object.entries(all).map(([name, { type, short }]) => ({
    name,
    flag: `${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ' VALUE' : ''}`,
  }));
  const width = Math.max(...flags.map(({ flag }) => flag.length));
  const rows = flags.map(
    ({ name, flag }) => `  ${flag.padEnd(width)}  ${command.help[name] ?? COMMON_HELP[name] ?? ''}`,
  );
  return `pose-gan ${command.name} ${command.usage}
${command.summary}

Options:
${rows.join('\n')}

Examples:
${command.examples.map((e) => `  ${e}`).join('\n')}
`;
}
