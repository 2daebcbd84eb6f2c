import { shownName } from './json-scan.js';
import { Global, type PickleReader, type PickleValue } from './pickle.js';
import type { StoredTensor } from './safetensors.js';

/** The bytes of one value and the type's name in safetensors, by the beginning of PyTorch's class names. */
const TYPES: Readonly<Record<string, readonly [number, string]>> = {
  Double: [8, 'F64'],
  Float: [4, 'F32'],
  Half: [2, 'F16'],
  BFloat16: [2, 'BF16'],
  Long: [8, 'I64'],
  Int: [4, 'I32'],
  Short: [2, 'I16'],
  Char: [1, 'I8'],
  Byte: [1, 'U8'],
  Bool: [1, 'BOOL'],
};

/** A storage that the pickle names, or a part of one. Its bytes are elsewhere in the file. */
export interface Storage {
  readonly key: string;
  /** The bytes of one value. */
  readonly size: number;
  readonly dtype: string;
  /** The number of values of the whole storage. */
  readonly length: number;
  /** The part is the values [from, to). */
  readonly from: number;
  readonly to: number;
}

/** The object that represents a storage in the pickle. */
class Stored {
  constructor(readonly storage: Storage) {}
}

/** A tensor as a view of a storage. Offset and strides count values. */
interface View {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** The object that represents a tensor in the pickle. PyTorch 0.1 creates the object first and sets its view later. */
class Tensor {
  view?: View;
}

/** The largest number of dimensions of a tensor in PyTorch. */
const MAX_RANK = 64;
/** The deepest nesting, the largest number of tensors and the longest name of a state_dict that is read. */
const MAX_DEPTH = 100;
const MAX_TENSORS = 100_000;
const MAX_NAME = 4096;
/** Copies of views that are not contiguous may take the length of the file and this many bytes. */
const SPARE_COPIES = 16 << 20;

const isCount = (x: PickleValue | undefined): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
const areCounts = (x: PickleValue | undefined): x is number[] =>
  Array.isArray(x) && x.length <= MAX_RANK && x.every(isCount);

/** Reads (storage, offset, sizes, strides, …), with which every saved form of a tensor begins. */
function viewOf([stored, offset, shape, strides]: readonly PickleValue[]): View {
  if (!(stored instanceof Stored) || !isCount(offset) || !areCounts(shape) || !areCounts(strides))
    throw new Error('a tensor is damaged, or of a kind that is not a plain array');
  if (strides.length !== shape.length) throw new Error('a tensor has different numbers of strides and sizes');
  return { storage: stored.storage, offset, shape: [...shape], strides: [...strides] };
}

/** `torch.FloatTensor` and the like, which files of PyTorch 0.1 contain. */
const TENSOR_CLASS = /^torch\.(cuda\.)?(Double|Float|Half|Long|Int|Short|Char|Byte)Tensor$/;
/** Classes of whole models. */
const MODULE = /^(torch\.nn\.(?!parameter\b|Parameter\b)|torchvision\.models\.|__main__\.|__torch__\.)/;
/** Functions that make sparse, quantised and other tensors whose values are not a plain array. */
const OTHER_TENSOR = /^torch\._(utils|tensor)\._rebuild_/;

function refuse(name: string): never {
  if (OTHER_TENSOR.test(name)) throw new Error(`it needs ${shownName(name)}: a tensor in it is not a plain array`);
  const what = MODULE.test(name) ? 'a whole model' : 'more than tensors';
  throw new Error(`it needs ${shownName(name)}: it holds ${what}, which only running its code could read`);
}

function orderedDict([items]: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  const map = new Map<PickleValue, PickleValue>();
  if (items === undefined) return map;
  // Python 2 passes the pairs here. It could also pass a dictionary to copy, but no program that saves tensors does.
  if (!Array.isArray(items)) throw new Error('an OrderedDict is damaged');
  for (const pair of items as PickleValue[]) {
    if (!Array.isArray(pair) || pair.length !== 2) throw new Error('an OrderedDict is damaged');
    map.set(pair[0] as PickleValue, pair[1] as PickleValue);
  }
  // The list is emptied, so that repeated calls with the same list cannot multiply its pairs.
  items.length = 0;
  return map;
}

/** A reader of pickles that knows the few names of a state_dict. It adds every storage to `storages` under its key. */
export function torchReader(storages: Map<string, Storage>): PickleReader {
  return {
    call(name, args) {
      if (name === 'collections.OrderedDict') return orderedDict(args);
      if (name === 'torch._utils._rebuild_parameter' && args[0] instanceof Tensor) return args[0];
      if (name === 'torch.Size' && areCounts(args[0])) return args[0];
      const tensor = new Tensor();
      if (name === 'torch._utils._rebuild_tensor_v2' || name === 'torch._utils._rebuild_tensor')
        tensor.view = viewOf(args);
      else if (!TENSOR_CLASS.test(name) || args.length) refuse(name);
      return tensor;
    },
    build(object, state) {
      if (object instanceof Tensor) {
        if (object.view || !Array.isArray(state)) throw new Error('a tensor is damaged');
        object.view = viewOf(state as readonly PickleValue[]);
      } else if (!(object instanceof Map)) throw new Error('it gives state to something that is not a tensor');
      // A dictionary's state is the `_metadata` of a state_dict, plain data that is not needed here.
    },
    persistent(id) {
      const [kind, type, key, , length, part] = Array.isArray(id) ? (id as readonly PickleValue[]) : [];
      if (kind === 'module' && type instanceof Global) refuse(type.name);
      if (kind !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || !isCount(length))
        throw new Error('a storage is damaged');
      const named = /^torch\.(?:cuda\.)?(\w+)Storage$/.exec(type.name)?.[1] ?? '';
      const known = Object.hasOwn(TYPES, named) ? TYPES[named] : undefined;
      if (!known) throw new Error(`it has values of the type ${shownName(type.name)}, which is not read here`);
      const whole = { key, size: known[0], dtype: known[1], length, from: 0, to: length };
      const before = storages.get(key);
      if (before && (before.dtype !== whole.dtype || before.length !== length))
        throw new Error(`the storage ${shownName(key)} is named twice, with different sizes`);
      storages.set(key, whole);
      return new Stored(partOf(whole, part));
    },
  };
}

/** Reads a part (key, offset, length) of a storage, which tensors of PyTorch 0.1 can refer to. */
function partOf(whole: Storage, part: PickleValue | undefined): Storage {
  if (part === undefined || part === null) return whole;
  const [, from, count] = Array.isArray(part) ? (part as readonly PickleValue[]) : [];
  if (!isCount(from) || !isCount(count) || from + count > whole.length)
    throw new Error(`a part of the storage ${shownName(whole.key)} reaches beyond it`);
  return { ...whole, from, to: from + count };
}

/**
 * The views in nested dictionaries under dotted names. A dictionary that occurs several times counts once, at its first
 * position. Keys that are not text (numbers in a training state) name no tensor. Throws for cycles, and for nesting and
 * counts that no state_dict has.
 */
export function viewsIn(value: PickleValue): Map<string, View> {
  const views = new Map<string, View>();
  const seen = new Set<PickleValue>();
  const open = new Set<PickleValue>();
  const visit = (value: PickleValue, path: string) => {
    if (value instanceof Tensor) {
      if (!value.view) throw new Error(`the tensor ${shownName(path)} has no values`);
      if (views.has(path)) throw new Error(`two tensors have the name ${shownName(path)}`);
      if (views.size >= MAX_TENSORS) throw new Error(`it has more than ${MAX_TENSORS} tensors`);
      views.set(path, value.view);
    }
    if (!(value instanceof Map)) return;
    if (open.has(value)) throw new Error(`the dictionary ${shownName(path)} holds itself`);
    if (seen.has(value)) return;
    if (open.size >= MAX_DEPTH) throw new Error(`its dictionaries nest more than ${MAX_DEPTH} levels deep`);
    seen.add(value);
    open.add(value);
    for (const [key, inner] of value) {
      if (typeof key !== 'string') continue;
      if (path.length + key.length > MAX_NAME) throw new Error(`a name in it is longer than ${MAX_NAME} characters`);
      visit(inner, path ? `${path}.${key}` : key);
    }
    open.delete(value);
  };
  visit(value, '');
  return views;
}

/** The tensors with these names. `source` gives the bytes of a whole storage, and `fileLength` bounds what is copied. */
export function gather(
  views: ReadonlyMap<string, View>,
  names: Iterable<string>,
  source: (storage: Storage) => Uint8Array,
  fileLength: number,
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  const storages = new Map<string, Uint8Array>();
  let spare = fileLength + SPARE_COPIES;
  for (const name of names) {
    const view = views.get(name);
    if (!view) throw new Error(`it has no tensor ${shownName(name)}`);
    const { storage: s, shape } = view;
    const bytes = storages.get(s.key) ?? source(s);
    storages.set(s.key, bytes);
    if (bytes.length !== s.size * s.length)
      throw new Error(
        `the storage ${shownName(s.key)} has ${bytes.length} bytes, but its ${s.length} values need ${s.size * s.length}`,
      );
    const count = product(shape);
    const last = view.offset + shape.reduce((sum, n, i) => sum + (n - 1) * (view.strides[i] as number), 0);
    if (count && !(s.from + last < s.to))
      throw new Error(`${shownName(name)} reaches beyond its ${bytes.length} bytes of values`);
    const from = s.size * (s.from + view.offset);
    if (isContiguous(view))
      tensors.set(name, { dtype: s.dtype, shape, bytes: bytes.subarray(from, from + s.size * count) });
    else {
      // A view that repeats values (stride 0) could be far larger than its file. No state_dict has such views.
      if (count > s.length) throw new Error(`${shownName(name)} repeats its values`);
      spare -= s.size * count;
      if (spare < 0) throw new Error('its views of the same values are many times larger than the file');
      tensors.set(name, { dtype: s.dtype, shape, bytes: rowMajor(view, bytes.subarray(from), count) });
    }
  }
  return tensors;
}

/** The number of values. It is NaN or infinite only for shapes larger than any file, which the caller then refuses. */
function product(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, 1);
}

function isContiguous({ shape, strides }: View): boolean {
  let dense = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== dense) return shape.includes(0);
    dense *= shape[i] as number;
  }
  return true;
}

/** The values of a view in row-major order, counting up its indices. */
function rowMajor({ storage: { size }, shape, strides }: View, bytes: Uint8Array, count: number): Uint8Array {
  const out = new Uint8Array(size * count);
  const index = new Uint32Array(shape.length);
  let at = 0;
  for (let to = 0; to < out.length; to += size) {
    for (let b = 0; b < size; b++) out[to + b] = bytes[at + b] as number;
    for (let i = shape.length - 1; i >= 0; i--) {
      const stride = size * (strides[i] as number);
      at += stride;
      index[i] = (index[i] as number) + 1;
      if ((index[i] as number) < (shape[i] as number)) break;
      at -= stride * (shape[i] as number);
      index[i] = 0;
    }
  }
  return out;
}
