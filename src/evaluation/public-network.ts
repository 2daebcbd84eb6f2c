import type { Shape } from '../autograd/tensor.js';
import type { StoredTensor } from '../data/safetensors.js';
import { FrozenWeights, type TorchTensors, tensorsOfFile } from './frozen-weights.js';

/** A file of weights that others have published. The package contains none of them. */
interface PublicFile {
  /** Its usual name, for example `pt_inception-2015-12-05-6726825d.pth`. */
  readonly name: string;
  /** Its size in bytes. */
  readonly bytes: number;
  /** Where it is published, in words or as an address. */
  readonly source: string;
}

/** A network that others have trained and whose outputs a metric uses. */
export interface PublicNetwork {
  /** The word by which commands name it, for example `inception`. */
  readonly key: string;
  /** Its name in a sentence, for example `Inception v3 of 2015`. */
  readonly title: string;
  /** The files with its weights. Any one of them suffices. */
  readonly files: readonly PublicFile[];
  /** Asks for every weight of the network, which makes the parameters. */
  readonly define: (weights: FrozenWeights) => void;
  /** Finds the tensors that `define` asks for in a file, for networks that are published under several names. Default: `tensorsOfFile`. */
  readonly tensors?: (stored: ReadonlyMap<string, StoredTensor>, file: string, wanted: string) => TorchTensors;
}

/** The tensors of a file with a network's weights, as `define` asks for them. Errors are those of `tensorsOfFile`. */
export function tensorsOfNetwork(
  { title, files, tensors = tensorsOfFile }: PublicNetwork,
  stored: ReadonlyMap<string, StoredTensor>,
  file: string,
): TorchTensors {
  return tensors(stored, file, `${title}, as in ${files.map(({ name }) => name).join(' or ')}`);
}

const sizeText = (bytes: number) =>
  bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** One line that says which file to fetch. */
export function howToInstall({ key, title, files }: PublicNetwork): string {
  const list = files.map(({ name, bytes, source }) => `${name} (${sizeText(bytes)}, ${source})`);
  return `${title} is not installed: fetch ${list.join(' or ')}, then pose-gan weights ${key} FILE`;
}

/** The tensors of a network by PyTorch's names, checked: the first one that is missing or does not fit throws the error of `tensors`. */
export function networkTensors(
  network: PublicNetwork,
  tensors: TorchTensors,
): Map<string, { shape: Shape; data: Float32Array }> {
  const found = new Map<string, { shape: Shape; data: Float32Array }>();
  const collect: TorchTensors = (name, shape) => {
    const data = tensors(name, shape);
    found.set(name, { shape, data });
    return data;
  };
  network.define(new FrozenWeights(network.key, collect));
  return found;
}
