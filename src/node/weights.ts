import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { withFileKind } from '../data/file-kind.js';
import { readPth } from '../data/pth.js';
import { withoutSecrets } from '../data/range-reader.js';
import { type Choose, readRemoteTensors } from '../data/remote.js';
import { readSafetensors, type StoredTensor } from '../data/safetensors.js';
import { UsageError } from '../gpu/errors.js';
import type { ModelConfig } from '../model/config.js';
import { type Features, type FeatureWeights, scaleFeatures } from '../model/features.js';
import { filterBank } from '../model/filter-bank.js';
import { checkShapes, importVgg19, readVgg19, recogniseVgg19, type Vgg19, writeVgg19 } from '../model/vgg19.js';
import { type Convention, KNOWN_FILES } from '../model/vgg19-style.js';
import { expectWritable, isThere, readBytes, writeFileAtomic } from './files.js';
import { dataFolder } from './folders.js';
import { httpOpener } from './http.js';

const FILE = 'vgg19.safetensors';

/**
 * The folder of installed weights: the given folder, else that of the variable POSE_GAN_WEIGHTS, else the user's data
 * folder, which is `undefined` for a user without a home folder.
 */
export function weightsFolder(folder?: string): string | undefined {
  return folder || process.env.POSE_GAN_WEIGHTS || dataFolder();
}

/** An installed VGG-19. */
export interface InstalledVgg extends Vgg19 {
  readonly path: string;
  /** The file or address from which it was installed. */
  readonly source: string;
}

/**
 * Installs VGG-19's first layers from a safetensors or PyTorch file. `style` says which inputs they take, if the file does
 * not show it. Throws `UsageError` if it is not one of those files.
 */
export function installVgg(file: string, folder?: string, style?: Convention): InstalledVgg {
  const path = weightsDestination(FILE, folder);
  const bytes = readBytes(file, 'weights');
  const digest = checkDigest(bytes, file);
  const tensors = readWeightsFile(bytes, file, (names) => recogniseVgg19(names, file).names.values());
  const known = digest === undefined ? undefined : KNOWN_FILES[digest];
  const vgg = style || !known ? importVgg19(tensors, file, style) : importVgg19(tensors, file, known, 'the checksum');
  return install(vgg, file, path);
}

/**
 * The beginning of a file's SHA-256, if its name ends with it as torch.hub's names do (`vgg19-dcbb9e9d.pth`). Throws
 * `UsageError` if the file has another SHA-256, since the older formats have no checksums. The number in the name of a checkpoint of ours
 * is its iteration.
 */
export function checkDigest(bytes: Uint8Array, file: string): string | undefined {
  if (/(?:^|[/\\])checkpoint-\d+\.safetensors$/.test(file)) return undefined;
  const named = /-([0-9a-f]{8,64})\.(?:pth?|safetensors)$/.exec(file)?.[1];
  if (named === undefined) return undefined;
  const found = createHash('sha256').update(bytes).digest('hex').slice(0, named.length);
  if (found !== named)
    throw new UsageError(
      `${file} is damaged or is another file: its SHA-256 begins with ${found}, but its name says ${named}. ` +
        'Download it again, or rename it if it was changed on purpose.',
    );
  return named;
}

/** The tensors of a safetensors file, or of one of PyTorch, which is a zip or a pickle; of the latter those that `choose` selects. */
export function readWeightsFile(
  bytes: Uint8Array,
  file: string,
  choose?: (names: string[]) => Iterable<string>,
): ReadonlyMap<string, StoredTensor> {
  const zip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  // A safetensors file begins with the length of its header, whose lowest byte may be that with which a pickle begins.
  const header = bytes[8] === 0x7b && bytes.subarray(4, 8).every((b) => b === 0);
  if (zip || (bytes[0] === 0x80 && !header)) return readPth(bytes, file, choose);
  try {
    return readSafetensors(bytes, file).tensors;
  } catch (error) {
    throw withFileKind(error, bytes, file, 'neither a safetensors file nor one of PyTorch (.pth, .pt)');
  }
}

/** Installs the layers from a safetensors file on a server, of which only the necessary byte ranges are read. */
export async function installRemoteVgg(
  url: string,
  folder?: string,
  style?: Convention,
): Promise<InstalledVgg & { readonly transferred: number; readonly total: number | undefined }> {
  const path = weightsDestination(FILE, folder);
  // The password and the signature of an address are neither shown nor stored.
  const name = withoutSecrets(url);
  const choose: Choose = (names, entries) => {
    const recognised = recogniseVgg19(names, name);
    checkShapes(recognised, entries, name);
    return recognised.names.values();
  };
  const { tensors, transferred, total } = await readRemoteTensors(url, choose, { open: httpOpener() });
  return { ...install(importVgg19(tensors, name, style), name, path), transferred, total };
}

/** The path of an installed file. Throws `UsageError` if it is not writable, before anything is read or transferred. */
export function weightsDestination(name: string, folder: string | undefined): string {
  const installFolder = weightsFolder(folder);
  if (!installFolder)
    throw new UsageError(
      'there is no home folder in which to install weights; name a folder with the variable POSE_GAN_WEIGHTS',
    );
  const path = join(installFolder, name);
  expectWritable(path, 'file');
  return path;
}

function install(vgg: Vgg19, source: string, path: string): InstalledVgg {
  writeFileAtomic(path, writeVgg19(vgg, source));
  return { ...vgg, path, source };
}

/** The installed VGG-19, if there is one. Throws `UsageError` if the file is damaged. */
export function findVgg(folder?: string): InstalledVgg | undefined {
  const installFolder = weightsFolder(folder);
  const path = installFolder && join(installFolder, FILE);
  if (!path || !isThere(path)) return undefined;
  const bytes = readBytes(path, 'weights');
  try {
    return { ...readVgg19(bytes, path), path };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`the installed VGG-19 is damaged; install it again. ${error.message}`);
  }
}

/** The features for a training run. */
export interface LoadedFeatures {
  readonly kind: Features;
  /** The weights in device layout, for `new Vgg(…)`; absent if the losses compare no features. */
  readonly weights?: FeatureWeights;
  /** A line that tells the user which features are used. */
  readonly note?: string;
}

/**
 * The features that a configuration's losses compare: VGG-19 if it is installed, else the built-in filter bank, as the note
 * says. `choice` (`vgg19` or `bank`) overrides this. Throws `UsageError` if VGG-19 is chosen but not installed.
 */
export function loadFeatures(config: ModelConfig, choice?: string, folder?: string): LoadedFeatures {
  if (choice !== undefined && !['vgg19', 'bank', 'filter bank'].includes(choice))
    throw new UsageError(`there are no features "${choice}"; known are vgg19 and bank`);
  if (config.loss.kind === 'l1') return { kind: 'none' };
  const bank = choice === 'bank' || choice === 'filter bank';
  const vgg = bank ? undefined : findVgg(folder);
  if (vgg) {
    const weights = vgg.gain === 1 ? vgg.weights : scaleFeatures(vgg.weights, vgg.gain);
    return { kind: 'vgg19', weights, note: `features: VGG-19 (${vgg.path})` };
  }
  const how = 'pose-gan weights vgg19 FILE installs it';
  if (choice === 'vgg19')
    throw new UsageError(
      `VGG-19 is not installed in ${weightsFolder(folder) ?? 'any folder'}: ${how}, or use --features bank`,
    );
  return {
    kind: 'filter bank',
    weights: filterBank(),
    note: `features: the built-in filter bank${bank ? '' : `, as VGG-19 is not installed (${how})`}`,
  };
}
