import { basename, join } from 'node:path';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../data/safetensors.js';
import { FrozenWeights, tensorsOfFile } from '../evaluation/frozen-weights.js';
import { NETWORKS } from '../evaluation/network-metrics.js';
import { networkTensors, type PublicNetwork, tensorsOfNetwork } from '../evaluation/public-network.js';
import { UsageError } from '../gpu/errors.js';
import { isThere, readBytes, writeFileAtomic } from './files.js';
import { checkDigest, readWeightsFile, weightsDestination, weightsFolder } from './weights.js';

/** The weights of a public network in the folder of installed weights. */
export interface InstalledNetwork {
  readonly path: string;
  /** The file from which they were installed. */
  readonly source: string;
  readonly bytes: number;
}

const fileOf = ({ key }: PublicNetwork) => `${key}.safetensors`;

/**
 * Installs a network from a PyTorch or safetensors file, of which only the network's tensors are kept, as safetensors. Throws
 * `UsageError` if the file is cut short, is damaged, or has the weights of another network, which it then names if it is one of
 * `networks`.
 */
export function installNetwork(
  network: PublicNetwork,
  file: string,
  folder?: string,
  networks: readonly PublicNetwork[] = NETWORKS,
): InstalledNetwork {
  const path = weightsDestination(fileOf(network), folder);
  const bytes = readBytes(file, 'weights');
  checkSize(network, bytes.length, file, networks);
  const published = network.files.find(({ name }) => name === basename(file));
  if (published && bytes.length < published.bytes)
    throw new UsageError(
      `${file} has ${bytes.length} bytes, but the published file has ${published.bytes}: it is cut short. Download it again.`,
    );
  checkDigest(bytes, file);
  const stored = readWeightsFile(bytes, file);
  const tensors = tensorsFor(network, stored, file, networks);
  const content = writeSafetensors(tensors, { network: network.key, source: basename(file) });
  writeFileAtomic(path, content);
  return { path, source: basename(file), bytes: content.length };
}

/**
 * Throws `UsageError` for a file with as many bytes as that of another network has. The two versions of LPIPS publish files of one name
 * with tensors of the same names and shapes, which nothing else tells apart.
 */
function checkSize(network: PublicNetwork, size: number, file: string, networks: readonly PublicNetwork[]): void {
  const has = ({ files }: PublicNetwork) => files.some(({ bytes }) => bytes === size);
  const other = has(network) ? undefined : networks.find(has);
  if (other)
    throw new UsageError(
      `${file} has ${size} bytes, as the file of ${other.title} has, not that of ${network.title}. ` +
        `Fix: pose-gan weights ${other.key} ${file}`,
    );
}

/** The network's tensors in a file, checked. The error for a file of another known network says which it is. */
function tensorsFor(
  network: PublicNetwork,
  stored: ReadonlyMap<string, StoredTensor>,
  file: string,
  networks: readonly PublicNetwork[],
) {
  const read = (n: PublicNetwork) => networkTensors(n, tensorsOfNetwork(n, stored, file));
  try {
    return read(network);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const other = networks.find((n) => n !== network && fits(() => read(n)));
    if (!other) throw error;
    throw new UsageError(
      `${file} has the weights of ${other.title}, not of ${network.title}. Fix: pose-gan weights ${other.key} ${file}`,
    );
  }
}

function fits(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

/** An installed network, with what reads its weights. */
export interface FoundNetwork extends InstalledNetwork {
  /** Reads and checks the file. Throws `UsageError` if it is damaged. */
  load(): FrozenWeights;
}

/** The installed weights of a network, if there are any. Throws `UsageError` if the file is damaged. */
export function findNetwork(network: PublicNetwork, folder?: string): FoundNetwork | undefined {
  const installed = weightsFolder(folder);
  const path = installed && join(installed, fileOf(network));
  if (!path || !isThere(path)) return undefined;
  const bytes = readBytes(path, 'weights');
  const again = (error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    return new UsageError(
      `the installed weights of ${network.title} are damaged: ${error.message} Fix: pose-gan weights ${network.key} FILE installs them again`,
    );
  };
  try {
    const { tensors, metadata } = readSafetensors(bytes, path);
    return {
      path,
      source: metadata.source ?? 'an unknown file',
      bytes: bytes.length,
      load: () => {
        const weights = new FrozenWeights(network.key, tensorsOfFile(tensors, path, network.title));
        try {
          network.define(weights);
        } catch (error) {
          throw again(error);
        }
        return weights;
      },
    };
  } catch (error) {
    throw again(error);
  }
}
