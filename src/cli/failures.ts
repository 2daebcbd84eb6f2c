import { PoseGanError, UsageError } from '../gpu/errors.js';
import { systemError } from '../node/system-errors.js';
import { complain } from './terminal.js';

/** What `main` returns, for scripts. A signal that ends a command gives 128 and its number. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** An internal error's message may quote anything. */
const MESSAGE = 500;

/** Whether the stack of an error is wanted. */
const debugging = () => process.argv.includes('--debug') || !!process.env.POSE_GAN_DEBUG;

/** Tells on stderr, in one line, what ended a command, and where in the program when `--debug` asks for that. Returns the exit code. */
export function fail(command: string, thrown: unknown): number {
  const error = systemError(thrown, `use ${pathOf(thrown) ?? 'a file'}`);
  if (error instanceof PoseGanError) complain(`${command}: ${error.message}`);
  else {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const advice = debugging() ? '' : ' Run again with --debug to see where it happened, and report it.';
    complain(`${command}: internal error: ${message.slice(0, MESSAGE)}.${advice}`);
  }
  if (debugging()) for (let e = error; e instanceof Error; e = e.cause) complain(...(e.stack ?? '').split('\n'));
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

/** The path that an error of the operating system is about. */
function pathOf(error: unknown): string | undefined {
  const { path } = (error ?? {}) as { path?: unknown };
  return typeof path === 'string' ? path : undefined;
}

/** Ends the process, with a line in place of a stack, when an error reaches nobody who waits for it. */
export function catchStrayErrors(command: string): void {
  const end = (error: unknown) => process.exit(fail(command, error) || EXIT.failed);
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/**
 * Keeps an output that cannot be written from ending the process with a stack: a reader that went away (`| head`) is not an error,
 * and the work goes on; anything else, such as a full disk behind `>`, is told once and makes the exit code 1.
 */
export function watchOutput(command: string): void {
  let told = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || told) return;
    told = true;
    const code = fail(command, systemError(error, 'write to standard output'));
    process.on('exit', () => {
      process.exitCode ||= code && EXIT.failed;
    });
  });
  // There is nowhere left to tell it.
  process.stderr.on('error', () => {});
}
