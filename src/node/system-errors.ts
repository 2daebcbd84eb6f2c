import { PoseGanError, UsageError } from '../gpu/errors.js';

/** The operating system refused something, and not because of a wrong path, for example a write to a full disk. */
export class SystemError extends PoseGanError {
  override readonly name = 'SystemError';
  constructor(
    /** The system's code, such as `ENOSPC`. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Meaning {
  readonly found: string;
  readonly advice: string;
  /** Whether the path that the caller named is wrong. Otherwise the state of the machine is the reason. */
  readonly usage?: true;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { found: 'there is no such file or folder', advice: 'Check the name.', usage: true },
  ENOTDIR: { found: 'part of the path is a file, not a folder', advice: 'Name another path.', usage: true },
  EISDIR: { found: 'it is a folder', advice: 'Name a file.', usage: true },
  EEXIST: { found: 'there is a file of that name', advice: 'Remove it, or name another path.', usage: true },
  ENOTEMPTY: { found: 'it is a folder that is not empty', advice: 'Name another path.', usage: true },
  EACCES: {
    found: 'this user does not have the permission',
    advice: 'Change the permissions, or name another path.',
    usage: true,
  },
  EPERM: { found: 'the system does not permit that', advice: 'Name another path.', usage: true },
  EROFS: { found: 'the file system can only be read', advice: 'Name a path on another one.', usage: true },
  ENAMETOOLONG: { found: 'the name is too long for this file system', advice: 'Name a shorter path.', usage: true },
  EINVAL: { found: 'the file system does not take this', advice: 'Name another path.', usage: true },
  ELOOP: { found: 'its symbolic links form a circle', advice: 'Name another path.', usage: true },
  EXDEV: { found: 'it is on another file system', advice: 'Name another path.', usage: true },
  ENXIO: { found: 'nothing is behind this special file', advice: 'Name another path.', usage: true },
  ENODEV: { found: 'nothing is behind this special file', advice: 'Name another path.', usage: true },
  ENOTSUP: { found: 'the file system cannot do that', advice: 'Name a path on another one.', usage: true },
  ETXTBSY: { found: 'it is a program that runs now', advice: 'End that program, or name another path.', usage: true },
  ERR_INVALID_ARG_VALUE: { found: 'no path can hold a null character', advice: 'Name another path.', usage: true },
  ERR_FS_FILE_TOO_LARGE: { found: 'it is larger than 2 GiB', advice: 'Name a smaller file.', usage: true },
  ENOSPC: { found: 'the disk is full', advice: 'Free some space there, or name a path on another disk.' },
  EDQUOT: { found: 'the user’s disk quota is used up', advice: 'Free some space, or name a path on another disk.' },
  EFBIG: { found: 'the file would be too large for this file system', advice: 'Name a path on another one.' },
  EMFILE: { found: 'this process has too many files open', advice: 'Raise the limit with ulimit -n.' },
  ENFILE: { found: 'the machine has too many files open', advice: 'End other programs, or raise the system’s limit.' },
  EIO: { found: 'the device failed', advice: 'Check the disk and its connection.' },
  ENOMEM: { found: 'the machine has no memory left', advice: 'End other programs.' },
  EBUSY: { found: 'another program or the system uses it', advice: 'End that program, or name another path.' },
  ESTALE: { found: 'the server of this network folder has lost it', advice: 'Mount the folder again.' },
  ENOTCONN: { found: 'the server of this network folder does not answer', advice: 'Mount the folder again.' },
  ETIMEDOUT: { found: 'the server of this network folder does not answer', advice: 'Try again later.' },
};

/** The meanings of codes that differ for a path to which something is written. */
export const WRITING: typeof MEANINGS = {
  ENOENT: { found: 'no file or folder can be made there', advice: 'Name another path.', usage: true },
};

/** The code of an error of the operating system, including typed ones of this module, or `undefined` for other errors. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof PoseGanError) return systemCode(error.cause);
  if (!('code' in error) || typeof error.code !== 'string') return undefined;
  return 'syscall' in error || error.code in MEANINGS ? error.code : undefined;
}

/**
 * Converts an error of the operating system to a typed one with a message of one line: what was tried, on which path, what was found,
 * and what to do. It is a `UsageError` if the path cannot be used, otherwise a `SystemError`. Other errors are returned unchanged.
 * `meanings` override the usual ones.
 */
export function systemError(error: unknown, tried: string, meanings: typeof MEANINGS = {}): unknown {
  const code = systemCode(error);
  if (code === undefined || error instanceof PoseGanError) return error;
  const { message } = error as Error;
  const { found, advice, usage } = meanings[code] ??
    MEANINGS[code] ?? { found: message.replace(`${code}: `, ''), advice: '' };
  const text = `cannot ${tried}: ${code}, ${found}.${advice && ` ${advice}`}`;
  return Object.assign(usage ? new UsageError(text) : new SystemError(code, text), { cause: error });
}

/** Runs `body`, and converts an error of the operating system to a typed one that says what was `tried`, such as `read the file x`. */
export function trying<T>(tried: string, body: () => T, meanings?: typeof MEANINGS): T {
  try {
    return body();
  } catch (error) {
    throw systemError(error, tried, meanings);
  }
}
