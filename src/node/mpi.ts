import { hostname } from 'node:os';
import type { Library, NativeFunction } from 'koffi';
import { PoseGanError, UsageError } from '../gpu/errors.js';
import type { Collective } from '../model/collective.js';
import type { Launch } from './launch.js';

/** The version of koffi in package.json. */
const KOFFI = '3.3.4';
const INSTALL = 'On Debian and Ubuntu: apt-get install openmpi-bin libopenmpi3 (or libopenmpi40)';
/** Where the library is looked for, in order. The variable `POSE_GAN_MPI` names another. */
const LIBRARIES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['libmpi.so.40', 'libmpi.so'],
  darwin: ['libmpi.40.dylib', 'libmpi.dylib', '/opt/homebrew/lib/libmpi.dylib', '/usr/local/lib/libmpi.dylib'],
};
const MAX_VERSION = 8192;
/** The constants of mpi.h in Open MPI. */
const THREAD_SERIALIZED = 2;
const THREAD_MULTIPLE = 3;
const IN_PLACE = 1;
/** The most elements of one call, whose count is an `int`. */
const MOST = 2 ** 30;

/** The ranks of an MPI program, of which this process is one. */
export interface MpiRanks extends Collective {
  readonly host: string;
  readonly launch: Launch;
  /** Ends all ranks at once. */
  abort(code: number): never;
  /** Waits until all ranks have come here, and leaves MPI. */
  end(): Promise<void>;
}

/** Calls the C library of Open MPI. No other file imports koffi, which makes such calls. */
export async function joinMpi(launch: Launch): Promise<MpiRanks> {
  const library = await load(launch);
  const func = (name: string, ...args: string[]) => library.func(name, 'int', args);
  const version = new Uint8Array(MAX_VERSION);
  const length = new Int32Array(1);
  func('MPI_Get_library_version', 'void *', 'void *')(version, length);
  const name = new TextDecoder().decode(version.subarray(0, length[0])).split(/[,\n\0]/)[0] ?? '';
  if (!name.startsWith('Open MPI'))
    throw new UsageError(
      `the MPI library here is "${name}", whose binary interface differs; training on several devices needs Open MPI. ${INSTALL}, or name its libmpi in POSE_GAN_MPI, and start with its mpirun.`,
    );
  return new OpenMpi(library, func, launch, name);
}

async function load({ launcher, size }: Launch) {
  const asked = `${launcher} has started ${size} processes`;
  const koffi = await import('koffi').catch((error: unknown) => {
    throw new UsageError(
      `${asked}, and to train together they need the npm package koffi, which calls MPI: ${(error as Error).message}. Fix: npm install koffi@${KOFFI}`,
    );
  });
  const named = process.env.POSE_GAN_MPI;
  const names = named ? [named] : (LIBRARIES[process.platform] ?? []);
  let reason = `there is none for ${process.platform}`;
  for (const file of names)
    try {
      // Open MPI loads its components as libraries that look for its symbols among the global ones.
      return koffi.default.load(file, { global: true });
    } catch (error) {
      reason = (error as Error).message;
    }
  throw new UsageError(
    `${asked}, and to train together they need Open MPI’s C library (${names.join(', ')}), which cannot be loaded: ${reason}. ${INSTALL}; or name the file in POSE_GAN_MPI.`,
  );
}

class OpenMpi implements MpiRanks {
  readonly rank: number;
  readonly size: number;
  readonly host = hostname();
  readonly #world: bigint;
  readonly #float: bigint;
  readonly #byte: bigint;
  readonly #sum: bigint;
  readonly #call: Record<'allreduce' | 'bcast' | 'barrier' | 'finalize' | 'abort', NativeFunction>;

  constructor(
    library: Library,
    func: (name: string, ...args: string[]) => NativeFunction,
    readonly launch: Launch,
    version: string,
  ) {
    const provided = new Int32Array(1);
    succeed(
      'MPI_Init_thread',
      func('MPI_Init_thread', 'void *', 'void *', 'int', 'void *')(null, null, THREAD_MULTIPLE, provided),
    );
    if ((provided[0] ?? 0) < THREAD_SERIALIZED)
      throw new UsageError(
        `${version} was built without support for threads, which Node needs; use another build of Open MPI`,
      );
    // Handles are the addresses of these variables.
    const handle = (name: string) => library.symbol(name);
    this.#world = handle('ompi_mpi_comm_world');
    this.#float = handle('ompi_mpi_float');
    this.#byte = handle('ompi_mpi_byte');
    this.#sum = handle('ompi_mpi_op_sum');
    const pointers = (name: string, ...args: string[]) => func(name, ...args, 'void *');
    this.#call = {
      allreduce: pointers('MPI_Allreduce', 'void *', 'void *', 'int', 'void *', 'void *'),
      bcast: pointers('MPI_Bcast', 'void *', 'int', 'void *', 'int'),
      barrier: pointers('MPI_Barrier'),
      finalize: func('MPI_Finalize'),
      abort: func('MPI_Abort', 'void *', 'int'),
    };
    const number = new Int32Array(1);
    succeed('MPI_Comm_rank', func('MPI_Comm_rank', 'void *', 'void *')(this.#world, number));
    this.rank = number[0] ?? 0;
    succeed('MPI_Comm_size', func('MPI_Comm_size', 'void *', 'void *')(this.#world, number));
    this.size = number[0] ?? 0;
    if (this.size !== launch.size || this.rank !== launch.rank)
      throw new UsageError(
        `${launch.launcher} has started ${launch.size} processes, but ${version} sees ${this.size}: ` +
          'its library and the launcher do not belong together. Start with the mpirun of that Open MPI, or with srun --mpi=pmix.',
      );
  }

  async sum(values: Float32Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < values.length; at += MOST) {
      const part = values.subarray(at, at + MOST);
      const { allreduce } = this.#call;
      await called('MPI_Allreduce', allreduce, IN_PLACE, part, part.length, this.#float, this.#sum, this.#world);
    }
  }

  async broadcast(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < bytes.length; at += MOST) {
      const part = bytes.subarray(at, at + MOST);
      await called('MPI_Bcast', this.#call.bcast, part, part.length, this.#byte, 0, this.#world);
    }
  }

  async end(): Promise<void> {
    await called('MPI_Barrier', this.#call.barrier, this.#world);
    succeed('MPI_Finalize', this.#call.finalize());
  }

  abort(code: number): never {
    this.#call.abort(this.#world, code);
    return process.exit(code);
  }
}

function succeed(name: string, code: unknown): void {
  if (code !== 0) throw new PoseGanError(`${name} failed with the error code ${code} of MPI`);
}

/** Calls a function in a thread of its own, so that this one goes on. Only one call may be in progress at a time. */
function called(name: string, native: NativeFunction, ...args: unknown[]): Promise<void> {
  return new Promise((resolve, reject) => {
    native.async(...args, (error: unknown, code: unknown) => {
      try {
        if (error) throw error;
        succeed(name, code);
        resolve();
      } catch (reason) {
        reject(reason);
      }
    });
  });
}
