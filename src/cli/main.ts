#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PoseGanError } from '../gpu/errors.js';
import { animate } from './animate.js';
import { type Command, helpText, parseCommand } from './command.js';
import { doctor } from './doctor.js';
import { evaluate } from './evaluate.js';
import { flip } from './flip.js';
import { generate } from './generate.js';
import { inspect } from './inspect.js';
import { pairs } from './pairs.js';
import { start } from './start.js';
import { synth } from './synth.js';
import { train } from './train.js';
import { verify } from './verify.js';
import { weights } from './weights.js';

const commands: readonly Command[] = [
  animate,
  doctor,
  evaluate,
  flip,
  generate,
  inspect,
  pairs,
  start,
  synth,
  train,
  verify,
  weights,
];

function overview(): string {
  const rows = commands.map((c) => `  ${c.name.padEnd(10)} ${c.summary}`);
  return `pose-gan COMMAND [options]\n\n${rows.join('\n')}\n\npose-gan COMMAND --help tells more. Exit codes: 0 done, 1 failed, 2 wrong usage.\n`;
}

/** Runs the command line; returns the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function main(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (!name || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return name ? 0 : 2;
  }
  const command = commands.find((c) => c.name === name);
  if (!command) {
    process.stderr.write(`pose-gan: there is no command ${name}.\n\n${overview()}`);
    return 2;
  }
  try {
    const { values, positionals } = parseCommand(command, rest);
    if (values.help) {
      process.stdout.write(helpText(command));
      return 0;
    }
    return await command.run(values, positionals);
  } catch (error) {
    if (!(error instanceof PoseGanError)) throw error;
    process.stderr.write(`pose-gan ${command.name}: ${error.message}\n`);
    return error.name === 'UsageError' ? 2 : 1;
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url)))
  process.exitCode = await main(process.argv.slice(2));
