#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ablate } from './ablate.js';
import { animate } from './animate.js';
import { bench } from './bench.js';
import { type Command, runCommand } from './command.js';
import { doctor } from './doctor.js';
import { evaluate } from './evaluate.js';
import { catchStrayErrors, watchOutput } from './failures.js';
import { flip } from './flip.js';
import { generate } from './generate.js';
import { inspect } from './inspect.js';
import { pairs } from './pairs.js';
import { profile } from './profile.js';
import { reid } from './reid.js';
import { start } from './start.js';
import { synth } from './synth.js';
import { complain, sayLayout } from './terminal.js';
import { train } from './train.js';
import { tune } from './tune.js';
import { verify } from './verify.js';
import { weights } from './weights.js';

const commands: readonly Command[] = [
  ablate,
  animate,
  bench,
  doctor,
  evaluate,
  flip,
  generate,
  inspect,
  pairs,
  profile,
  reid,
  start,
  synth,
  train,
  tune,
  verify,
  weights,
];

function overview(): string {
  const rows = commands.map((c) => `  ${c.name.padEnd(10)} ${c.summary}`);
  return `pose-gan COMMAND [options]\n\n${rows.join('\n')}\n\npose-gan COMMAND --help explains a command.
Exit codes: 0 success, 1 failure, 2 wrong usage; 129, 130, 140, 143 ended by SIGHUP, SIGINT (Ctrl-C), SIGUSR2, SIGTERM.\n`;
}

/** Runs the command line. Returns the exit code, which the overview explains. */
export async function main(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (!name || name === '--help' || name === '-h' || name === 'help') {
    sayLayout(overview());
    return name ? 0 : 2;
  }
  const command = commands.find((c) => c.name === name);
  if (!command) {
    complain(`pose-gan: there is no command ${name}.`, '', ...overview().trimEnd().split('\n'));
    return 2;
  }
  return runCommand(command, rest);
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  const name = `pose-gan ${process.argv[2] ?? ''}`.trimEnd();
  catchStrayErrors(name);
  watchOutput(name);
  process.exitCode = await main(process.argv.slice(2));
}
