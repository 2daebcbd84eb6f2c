import { UsageError } from '../gpu/errors.js';
import { Global, type PickleReader, type PickleValue, readPickle } from './pickle.js';
import type { StoredTensor } from './safetensors.js';
import { zipBytes, zipEntries } from './zip.js';

/** torch.save before 1.6 (2020) begins with this number, pickled. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/** Bytes of one value and the name in safetensors, by PyTorch's storage class. */
const STORAGES: Readonly<Record<string, readonly [number, string]>> = {
  'torch.DoubleStorage': [8, 'F64'],
  'torch.FloatStorage': [4, 'F32'],
  'torch.HalfStorage': [2, 'F16'],
  'torch.BFloat16Storage': [2, 'BF16'],
  'torch.LongStorage': [8, 'I64'],
  'torch.IntStorage': [4, 'I32'],
  'torch.ShortStorage': [2, 'I16'],
  'torch.CharStorage': [1, 'I8'],
  'torch.ByteStorage': [1, 'U8'],
  'torch.BoolStorage': [1, 'BOOL'],
};

/** A storage that the pickle names; its bytes are elsewhere in the file. */
class Storage {
  constructor(
    readonly key: string,
    readonly size: number,
    readonly dtype: string,
    readonly length: number,
  ) {}
}

/** A view of a storage, in values. */
class View {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/**
 * Reads the tensors of a PyTorch file of a state_dict (`.pth`, `.pt`; zip or the older format), nested dictionaries
 * under dotted names. Nothing in the file is executed: names other than those of tensors and plain dictionaries are
 * refused. Contiguous tensors are views of `file`. Throws `UsageError` that says what to do, `name` being the file's.
 */
export function readPth(file: Uint8Array, name = 'file'): Map<string, StoredTensor> {
  try {
    const zip = file[0] === 0x50 && file[1] === 0x4b;
    const { value, storage } = zip ? readZip(file) : readLegacy(file);
    const tensors = new Map<string, StoredTensor>();
    collect(value, '', (key, view) => tensors.set(key, gather(key, view, storage)));
    if (!tensors.size) throw new Error('it holds no tensor');
    return tensors;
  } catch (error) {
    throw new UsageError(
      `${name} is not a usable PyTorch file: ${(error as Error).message}. It must be a state_dict: in Python, ` +
        'torch.save(model.state_dict(), "weights.pth"), or ' +
        'safetensors.torch.save_file(model.state_dict(), "weights.safetensors").',
    );
  }
}

type Source = { value: PickleValue; storage: (s: Storage) => Uint8Array };

function readZip(file: Uint8Array): Source {
  const entries = zipEntries(file);
  const pickle = [...entries.values()].find((e) => e.name === 'data.pkl' || e.name.endsWith('/data.pkl'));
  if (!pickle) throw new Error('it is a zip file without data.pkl');
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(zipBytes(file, order)).trim() !== 'little')
    throw new Error('its numbers are big-endian');
  const { value } = readPickle(zipBytes(file, pickle), 0, torch);
  return {
    value,
    storage: (s) => {
      const entry = entries.get(`${folder}data/${s.key}`);
      if (!entry) throw new Error(`the values data/${s.key} are missing`);
      return zipBytes(file, entry);
    },
  };
}

/** Pickles of magic number, version, machine, object and storage keys; then each storage: its length and its values. */
function readLegacy(file: Uint8Array): Source {
  if (file[0] !== 0x80) throw new Error('it is neither a zip file nor a pickle');
  let at = 0;
  const next = () => {
    const { value, end } = readPickle(file, at, torch);
    at = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC) throw new Error('it is a pickle, but not one of torch.save');
  next();
  const machine = next();
  if (machine instanceof Map && machine.get('little_endian') === false) throw new Error('its numbers are big-endian');
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new Error('its list of storages is damaged');
  const sizes = new Map<string, number>();
  collect(value, '', (_, { storage }) => sizes.set(storage.key, storage.size));
  const found = new Map<string, Uint8Array>();
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (const key of keys as string[]) {
    const size = sizes.get(key);
    if (size === undefined) throw new Error(`no tensor uses the values ${key}`);
    const bytes = at + 8 <= file.length ? size * Number(view.getBigUint64(at, true)) : Number.NaN;
    if (!(at + 8 + bytes <= file.length)) throw new Error('it is cut short');
    found.set(key, file.subarray(at + 8, at + 8 + bytes));
    at += 8 + bytes;
  }
  return {
    value,
    storage: (s) => {
      const bytes = found.get(s.key);
      if (!bytes) throw new Error(`the values ${s.key} are missing`);
      return bytes;
    },
  };
}

/** The few names that a state_dict uses. */
const torch: PickleReader = {
  call(name, args) {
    if (name === 'collections.OrderedDict') return new Map(args[0] as Map<PickleValue, PickleValue> | undefined);
    if (name === 'torch._utils._rebuild_parameter' && args[0] instanceof View) return args[0];
    if (name === 'torch._utils._rebuild_tensor_v2' || name === 'torch._utils._rebuild_tensor') {
      const [storage, offset, shape, strides] = args;
      const counts = (x: PickleValue | undefined): x is number[] =>
        Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
      if (!(storage instanceof Storage) || !counts([offset ?? null]) || !counts(shape) || !counts(strides))
        throw new Error('a tensor is damaged, or of a kind that is no plain array');
      if (strides.length !== shape.length) throw new Error('a tensor has another number of strides than of sizes');
      return new View(storage, offset as number, shape, strides);
    }
    throw new Error(
      `it needs ${name}: it holds more than tensors, perhaps a whole model, which only running it could read`,
    );
  },
  persistent(id) {
    const [kind, type, key, , length, view] = Array.isArray(id) ? (id as PickleValue[]) : [];
    const known = type instanceof Global ? STORAGES[type.name] : undefined;
    if (type instanceof Global && !known) throw new Error(`it has values of the type ${type.name}`);
    if (kind !== 'storage' || !known || typeof key !== 'string' || typeof length !== 'number' || view)
      throw new Error('a storage is damaged, or a view of another one');
    return new Storage(key, known[0], known[1], length);
  },
};

function collect(value: PickleValue, path: string, found: (name: string, view: View) => void): void {
  if (value instanceof View) found(path, value);
  else if (value instanceof Map)
    for (const [key, inner] of value) collect(inner, path ? `${path}.${String(key)}` : String(key), found);
}

/** The values of a view in row-major order: the very bytes where they lie so already. */
function gather(
  name: string,
  { storage: s, offset, shape, strides }: View,
  source: (s: Storage) => Uint8Array,
): StoredTensor {
  const bytes = source(s);
  const count = shape.reduce((a, b) => a * b, 1);
  const last = offset + shape.reduce((sum, n, i) => sum + (n - 1) * (strides[i] as number), 0);
  if (bytes.length < s.size * s.length || (count && s.size * (last + 1) > bytes.length))
    throw new Error(`${name} reaches beyond its ${bytes.length} bytes of values`);
  let dense = 1;
  const contiguous = [...shape.keys()].reverse().every((i) => {
    const fits = shape[i] === 1 || strides[i] === dense;
    dense *= shape[i] as number;
    return fits;
  });
  if (contiguous || count === 0) {
    const from = s.size * offset;
    return { dtype: s.dtype, shape, bytes: bytes.subarray(from, from + s.size * count) };
  }
  // A view may repeat values (stride 0) and so be far larger than its file; none of a state_dict is.
  if (count > s.length) throw new Error(`${name} repeats its values`);
  const out = new Uint8Array(s.size * count);
  for (let k = 0; k < count; k++) {
    let rest = k;
    let at = offset;
    for (let i = shape.length - 1; i >= 0; i--) {
      at += (rest % (shape[i] as number)) * (strides[i] as number);
      rest = Math.floor(rest / (shape[i] as number));
    }
    out.set(bytes.subarray(s.size * at, s.size * (at + 1)), s.size * k);
  }
  return { dtype: s.dtype, shape, bytes: out };
}
