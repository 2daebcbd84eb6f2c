import { UsageError } from '../gpu/errors.js';
import { fileKind } from './file-kind.js';
import { shown, shownName } from './json-scan.js';
import { type PickleValue, readPickle } from './pickle.js';
import type { StoredTensor } from './safetensors.js';
import { gather, type Storage, torchReader, viewsIn } from './torch-tensors.js';
import { zipBytes, zipEntries } from './zip.js';

/** Files of torch.save before 1.6 (2020) begin with this pickled number. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
/** The version of that format, since PyTorch 0.1. */
const LEGACY_VERSION = 1001;

const SAVE =
  'It must be a state_dict: in Python, torch.save(model.state_dict(), "weights.pth"), or ' +
  'safetensors.torch.save_file(model.state_dict(), "weights.safetensors"); a whole model that you trust is loaded with ' +
  'torch.load(FILE, weights_only=False).';

/**
 * Reads the tensors of a PyTorch file of a state_dict (`.pth`, `.pt`; zip or the older format). Tensors in nested
 * dictionaries get dotted names. It reads all tensors, or those that `choose` selects by name. Nothing in the file is
 * executed: names other than those of tensors and plain dictionaries are refused. Contiguous tensors are views of
 * `file`. Throws a `UsageError` that names the file `name` and says what to do.
 */
export function readPth(
  file: Uint8Array,
  name = 'file',
  choose: (names: string[]) => Iterable<string> = (names) => names,
): Map<string, StoredTensor> {
  try {
    const zip = file[0] === 0x50 && file[1] === 0x4b;
    const { value, storage } = zip ? readZip(file) : readLegacy(file);
    const views = viewsIn(value);
    if (!views.size) throw new Error('it holds no tensor');
    return gather(views, choose([...views.keys()]), storage, file.length);
  } catch (error) {
    // The errors of `choose` already name the file.
    if (error instanceof UsageError) throw error;
    const { message, advice } = error as Error & { advice?: string };
    throw new UsageError(`${name} is not a usable PyTorch file: ${message}. ${advice ? `${advice} ` : ''}${SAVE}`);
  }
}

/** The pickled value, and a function that gives the bytes of its storages. */
type Source = { value: PickleValue; storage: (s: Storage) => Uint8Array };

const BIG_ENDIAN =
  'its numbers are big-endian (from a machine such as IBM Z): load it and save it again on a little-endian machine';

function readZip(file: Uint8Array): Source {
  const entries = zipEntries(file);
  const pickles = [...entries.values()].filter((e) => e.name === 'data.pkl' || e.name.endsWith('/data.pkl'));
  const [pickle, second] = pickles;
  if (!pickle) throw otherKind(file, 'it is a zip file without data.pkl');
  if (second) throw new Error(`it has two pickles, ${shownName(pickle.name)} and ${shownName(second.name)}`);
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  const text = order && new TextDecoder().decode(zipBytes(file, order)).trim();
  if (text === 'big') throw new Error(BIG_ENDIAN);
  if (text !== undefined && text !== 'little') throw new Error(`its byte order is ${shown(text)}`);
  const { value } = readPickle(zipBytes(file, pickle), 0, torchReader(new Map()));
  return {
    value,
    storage: (s) => {
      const entry = entries.get(`${folder}data/${shownName(s.key)}`);
      if (!entry) throw new Error(`the values data/${shownName(s.key)} are missing`);
      return zipBytes(file, entry);
    },
  };
}

/** The older format: pickles of magic number, version, machine, object and storage keys, then the length and values of each storage. */
function readLegacy(file: Uint8Array): Source {
  if (file[0] !== 0x80) throw otherKind(file, 'it is neither a zip file nor a pickle');
  const storages = new Map<string, Storage>();
  const reader = torchReader(storages);
  let at = 0;
  const next = () => {
    const { value, end } = readPickle(file, at, reader);
    at = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC) throw new Error('it is a pickle, but not one of torch.save');
  const version = next();
  if (version !== LEGACY_VERSION)
    throw new Error(`its format has the version ${shown(version)}, not ${LEGACY_VERSION}`);
  const machine = next();
  if (machine instanceof Map && machine.get('little_endian') === false) throw new Error(BIG_ENDIAN);
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new Error('its list of storages is damaged');
  const found = new Map<string, Uint8Array>();
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (const key of keys as PickleValue[]) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage) throw new Error(`no tensor uses the values ${shown(key)}`);
    if (found.has(storage.key)) throw new Error(`the values ${shown(key)} occur twice`);
    if (at + 8 > file.length) throw new Error('it is cut short');
    const length = Number(view.getBigUint64(at, true));
    if (length !== storage.length)
      throw new Error(`the storage ${shown(key)} has ${length} values, its tensors say ${storage.length}`);
    at += 8 + storage.size * length;
    if (at > file.length) throw new Error('it is cut short');
    found.set(storage.key, file.subarray(at - storage.size * length, at));
  }
  return {
    value,
    storage: (s) => {
      const bytes = found.get(s.key);
      if (!bytes) throw new Error(`the values ${shownName(s.key)} are missing`);
      return bytes;
    },
  };
}

/** An error about a file that is not from PyTorch, with the kind of the file and what to do. */
function otherKind(file: Uint8Array, what: string): Error {
  const kind = fileKind(file);
  return Object.assign(new Error(kind ? `${what}: it is ${kind.name}` : what), { advice: kind?.advice });
}
