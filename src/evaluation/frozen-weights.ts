import { ParameterSet } from '../autograd/parameters.js';
import { formatShape, type Shape, sameShape, sizeOf, type Tensor } from '../autograd/tensor.js';
import { shownName } from '../data/json-scan.js';
import { type StoredTensor, toFloat32 } from '../data/safetensors.js';
import { UsageError } from '../gpu/errors.js';
import { weightsFromPyTorch } from '../kernels/layout.js';

/** Gives the values of the tensor with this name and shape, both as PyTorch has them (a convolution's weights are OIHW). */
export type TorchTensors = (name: string, shape: Shape) => Float32Array;

/** The largest magnitude of a trained weight. The running variances of Inception reach some thousands. */
const LARGEST = 1e6;
/** How many of a file's names an error lists. */
const SOME = 4;

/**
 * The tensors of a file as `FrozenWeights` takes them. A prefix that all names share, such as `module.` of
 * PyTorch's data-parallel wrapper, is left out. Asking for a tensor that is missing, has another shape or holds a value that no trained
 * network has throws a `UsageError` that names the file, the tensor and `wanted`, which says what file was expected.
 */
export function tensorsOfFile(tensors: ReadonlyMap<string, StoredTensor>, file: string, wanted: string): TorchTensors {
  const prefix = [...tensors.keys()].every((name) => name.startsWith('module.')) ? 'module.' : '';
  return (name, shape) => {
    const stored = tensors.get(prefix + name);
    if (!stored) {
      const names = [...tensors.keys()];
      const some = names.slice(0, SOME).map(shownName).join(', ');
      const has = names.length
        ? `${some}${names.length > SOME ? ` and ${names.length - SOME} more` : ''}`
        : 'no tensor';
      throw new UsageError(`${file} has no tensor ${name}; it has ${has}. It should be ${wanted}.`);
    }
    if (!sameShape(stored.shape, shape))
      throw new UsageError(
        `${file}: the tensor ${name} has the shape ${formatShape(stored.shape)}, but the network needs ` +
          `${formatShape(shape)}. It should be ${wanted}.`,
      );
    const values = toFloat32(stored);
    const odd = values.findIndex((v) => !(Math.abs(v) <= LARGEST));
    if (odd >= 0)
      throw new UsageError(
        `${file}: element ${odd} of ${name} is ${values[odd]}, which no trained network has. It should be ${wanted}.`,
      );
    return values;
  };
}

/**
 * The weights of a network that is run but never trained here. A function that builds the network asks for them by PyTorch's names
 * and shapes, and gets parameters in device layout. It may be called again, for another batch size, and then gets the same parameters.
 */
export class FrozenWeights {
  readonly set: ParameterSet;
  readonly #tensors: TorchTensors;
  readonly #shapes = new Map<string, Shape>();

  constructor(name: string, tensors: TorchTensors) {
    this.set = new ParameterSet(name);
    this.#tensors = tensors;
  }

  /** The names and shapes that were asked for, as PyTorch has them. */
  get shapes(): ReadonlyMap<string, Shape> {
    return this.#shapes;
  }

  /** The values of a tensor, for those who combine several into one parameter. */
  values(name: string, shape: Shape): Float32Array {
    this.#shapes.set(name, shape);
    return this.#tensors(name, shape);
  }

  /** A convolution's weights [O, I, kernel height, kernel width], as [kernel height, kernel width, I, O]. */
  convolution(name: string, shape: readonly [out: number, inputs: number, height: number, width: number]): Tensor {
    const [o, i, h, w] = shape;
    return this.#parameter(name, [h, w, i, o], () => weightsFromPyTorch(this.values(name, shape), [h, w, i, o]));
  }

  /** A fully connected layer's weights [out, in], as [in, out]. */
  linear(name: string, shape: readonly [out: number, inputs: number]): Tensor {
    const [o, i] = shape;
    return this.#parameter(name, [i, o], () => weightsFromPyTorch(this.values(name, shape), [1, 1, i, o]));
  }

  /** A vector, such as a bias. */
  vector(name: string, length: number): Tensor {
    return this.#parameter(name, [length], () => this.values(name, [length]));
  }

  /** Returns a parameter in device layout whose values are computed by the caller's function when it is first asked for. */
  derived(name: string, shape: Shape, compute: () => Float32Array): Tensor {
    return this.#parameter(name, shape, compute);
  }

  #parameter(name: string, shape: Shape, compute: () => Float32Array): Tensor {
    if (this.set.names.includes(name)) return this.set.parameter(name, shape, new Float32Array(sizeOf(shape)));
    return this.set.parameter(name, shape, compute());
  }
}
