/** Every error of this library: what was asked, what was found, what to do. */
export class PoseGanError extends Error {
  override readonly name: string = 'PoseGanError';
}

/** Shapes, ranks or dtypes that do not fit together; thrown while the graph is built, before any GPU work. */
export class ShapeError extends PoseGanError {
  override readonly name = 'ShapeError';
  constructor(
    readonly op: string,
    message: string,
  ) {
    super(`${op}: ${message}`);
  }
}

/** An argument, option, file or command line that cannot be used. */
export class UsageError extends PoseGanError {
  override readonly name = 'UsageError';
}

/** No WebGPU adapter, or not the one that was asked for. */
export class AdapterError extends PoseGanError {
  override readonly name = 'AdapterError';
}

/** A tensor or dispatch over one of the device's limits. */
export class LimitError extends PoseGanError {
  override readonly name = 'LimitError';
  constructor(
    readonly label: string,
    readonly limit: string,
    readonly asked: number,
    readonly allowed: number,
    advice: string,
  ) {
    super(`${label}: needs ${limit} ≥ ${asked}, this device allows ${allowed}. ${advice}`);
  }
}

/** A shader that does not compile, with its source line. */
export class ShaderError extends PoseGanError {
  override readonly name = 'ShaderError';
  constructor(
    readonly label: string,
    message: string,
    readonly line?: number,
    readonly column?: number,
  ) {
    super(`${label}: ${message}`);
  }
}

/** The device refused an allocation. */
export class OutOfMemoryError extends PoseGanError {
  override readonly name = 'OutOfMemoryError';
  constructor(
    readonly label: string,
    readonly bytes: number | undefined,
    detail: string,
  ) {
    super(
      `${label}: the device could not allocate ${bytes === undefined ? 'memory' : `${bytes} bytes`} (${detail}). ` +
        'Use a smaller batch, image or width, or destroy plans that are no longer needed.',
    );
  }
}

/** The device went away; weights must be restored from a snapshot on a new device. */
export class DeviceLostError extends PoseGanError {
  override readonly name = 'DeviceLostError';
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(
      `GPU device lost (${reason || 'unknown'}): ${message || 'no details'}. Open a new device and restore the last snapshot.`,
    );
  }
}

/** WebGPU refused a call of this library: a bug here or in a user's kernel, or storage that its owner destroyed. */
export class GpuValidationError extends PoseGanError {
  override readonly name = 'GpuValidationError';
  constructor(
    readonly label: string,
    message: string,
  ) {
    super(`${label}: ${message}`);
  }
}

/** A kernel did not finish in the time it was given. The device may be busy with it for ever. */
export class KernelTimeoutError extends PoseGanError {
  override readonly name = 'KernelTimeoutError';
}

/** A tensor with values that are NaN or infinite. */
export interface NonFinite {
  readonly name: string;
  /** How many of its `size` values are. */
  readonly count: number;
  readonly size: number;
}

/** Training has come to numbers that are NaN or infinite; nothing of them was saved. */
export class NonFiniteError extends PoseGanError {
  override readonly name = 'NonFiniteError';
  constructor(
    /** Iterations done when they were found. */
    readonly iteration: number,
    what: string,
    /** The parameters and moments that have them; empty where a loss showed it. */
    readonly tensors: readonly NonFinite[] = [],
  ) {
    super(
      `after iteration ${iteration}, ${what}. Nothing of it was saved: the last checkpoint, if there is one, is from before. ` +
        'Resume from it or begin again, with a lower learning rate.',
    );
  }
}

/** The first of these tensors with its count, and how many more there are. */
export function describeNonFinite([first, ...others]: readonly NonFinite[]): string {
  if (!first) return 'no value is NaN or infinite';
  const { name, count, size } = first;
  const more = others.length ? `, as are some of ${others.length} more tensor${others.length > 1 ? 's' : ''}` : '';
  return `${count} of the ${size} values of ${name} are NaN or infinite${more}`;
}
