/** The base class of this library's errors. A message says what was asked, what was found, and what to do. */
export class PoseGanError extends Error {
  override readonly name: string = 'PoseGanError';
}

/** Shapes, ranks or dtypes do not fit together. It is thrown while the graph is built, before any GPU work. */
export class ShapeError extends PoseGanError {
  override readonly name = 'ShapeError';
  constructor(
    readonly op: string,
    message: string,
  ) {
    super(`${op}: ${message}`);
  }
}

/** An argument, option, file or command line cannot be used. */
export class UsageError extends PoseGanError {
  override readonly name = 'UsageError';
}

/** There is no WebGPU adapter, or not the one that was asked for. */
export class AdapterError extends PoseGanError {
  override readonly name = 'AdapterError';
}

/** A tensor or dispatch exceeds one of the device's limits. */
export class LimitError extends PoseGanError {
  override readonly name = 'LimitError';
  constructor(
    readonly label: string,
    readonly limit: string,
    readonly asked: number,
    readonly allowed: number,
    advice: string,
  ) {
    super(`${label}: needs ${limit} ≥ ${asked}, but this device allows ${allowed}. ${advice}`);
  }
}

/** A shader does not compile. The message shows its source line. */
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

/** The device was lost. Restore the weights from a snapshot on a new device. */
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

/** WebGPU refused a call of this library, because of a bug here or in a user's kernel, or because its owner destroyed storage. */
export class GpuValidationError extends PoseGanError {
  override readonly name = 'GpuValidationError';
  constructor(
    readonly label: string,
    message: string,
  ) {
    super(`${label}: ${message}`);
  }
}

/** A kernel did not finish within its time limit. The device may stay busy with it forever. */
export class KernelTimeoutError extends PoseGanError {
  override readonly name = 'KernelTimeoutError';
}

/** A tensor with values that are NaN or infinite. */
export interface NonFinite {
  readonly name: string;
  /** How many of its `size` values are NaN or infinite. */
  readonly count: number;
  readonly size: number;
}

/** Training produced numbers that are NaN or infinite. They were not saved. */
export class NonFiniteError extends PoseGanError {
  override readonly name = 'NonFiniteError';
  constructor(
    /** The number of iterations done when they were found. */
    readonly iteration: number,
    what: string,
    /** The parameters and moments that contain them; empty if a loss was NaN or infinite. */
    readonly tensors: readonly NonFinite[] = [],
  ) {
    super(
      `after iteration ${iteration}, ${what}. Nothing of it was saved: the last checkpoint, if there is one, is from before. ` +
        'Resume from it or begin again, with a lower learning rate.',
    );
  }
}

/** Describes the first of these tensors with its count, and says how many more there are. */
export function describeNonFinite([first, ...others]: readonly NonFinite[]): string {
  if (!first) return 'no value is NaN or infinite';
  const { name, count, size } = first;
  const more = others.length ? `, as are some of ${others.length} more tensor${others.length > 1 ? 's' : ''}` : '';
  return `${count} of the ${size} values of ${name} are NaN or infinite${more}`;
}
