import { PoseGanError, UsageError } from '../gpu/errors.js';
import { systemError } from '../node/system-errors.js';
import { complain } from './terminal.js';

/** The exit codes of `main`. A signal that ends a command gives 128 plus its number. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** The longest message of an internal error, which may quote anything. */
const MAX_MESSAGE = 500;

/** Whether the stacks of errors are shown. */
const debugging = () => process.argv.includes('--debug') || !!process.env.POSE_GAN_DEBUG;

/** Prints on stderr, in one line, the error that ended a command, and with `--debug` its stack. Returns the exit code. */
export function fail(command: string, thrown: unknown): number {
  const error = systemError(thrown, `use ${pathOf(thrown) ?? 'a file'}`);
  if (error instanceof PoseGanError) complain(`${command}: ${error.message}`);
  else {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const advice = debugging() ? '' : ' Run again with --debug to see where it happened, and report it.';
    complain(`${command}: internal error: ${message.slice(0, MAX_MESSAGE)}.${advice}`);
  }
  if (debugging()) for (let e = error; e instanceof Error; e = e.cause) complain(...(e.stack ?? '').split('\n'));
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

/** The path that an error of the operating system is about. */
function pathOf(error: unknown): string | undefined {
  const { path } = (error ?? {}) as { path?: unknown };
  return typeof path === 'string' ? path : undefined;
}

/** Makes uncaught errors and unhandled rejections end the process with a line instead of a stack. */
export function catchStrayErrors(command: string): void {
  const end = (error: unknown) => process.exit(fail(command, error) || EXIT.failed);
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/**
 * Handles errors of standard output. A reader that has closed it (`| head`) is not an error, and the work continues. Any other error,
 * such as a full disk, is reported once and makes the exit code 1.
 */
export function watchOutput(command: string): void {
  let reported = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || reported) return;
    reported = true;
    const code = fail(command, systemError(error, 'write to standard output'));
    process.on('exit', () => {
      process.exitCode ||= code && EXIT.failed;
    });
  });
  // An error of stderr cannot be reported anywhere.
  process.stderr.on('error', () => {});
}
