import { UsageError } from '../gpu/errors.js';

/** What a file is by its content, for errors about files of a wrong kind. */
export interface FileKind {
  /** The kind in plain words with an article, such as "a Git LFS pointer". */
  readonly name: string;
  /** A sentence that says what to do, for kinds that no command takes. */
  readonly advice?: string;
}

/** How many bytes at the beginning are examined. */
const HEAD = 1024;

const UNPACK = 'Unpack it and give the file inside.';
const FETCH = 'Fetch the file itself: git lfs pull in the repository, or the download link of its page.';
const PAGE =
  'A server sent a page instead of the file, because the address is that of a page about the file, or needs a login. ' +
  'Download the file itself (on Hugging Face and GitHub its address has /resolve/ or /raw/, not /blob/).';
const CONVERT =
  'Load it with the program that wrote it and save its arrays as safetensors (in Python: safetensors.numpy.save_file).';
const RESAVE =
  'Load it in Python with torch.load, and save model.state_dict() with torch.save or safetensors.torch.save_file.';
const AGAIN = 'Download or copy it again.';

/** The name of the kind that `withFileKind` compares with. */
const SAFETENSORS = 'a safetensors file';

/** The position of a signature, its bytes as Latin-1, the name of the kind, and what to do. */
type Signature = readonly [at: number, signature: string, name: string, advice?: string];

const SIGNATURES: readonly Signature[] = [
  [0, 'version https://git-lfs.github.com/', 'a Git LFS pointer, not the file it stands for', FETCH],
  [0, 'version https://hawser.github.com/', 'a Git LFS pointer, not the file it stands for', FETCH],
  [0, 'version http://git-media.io/', 'a Git LFS pointer, not the file it stands for', FETCH],
  [0, '/annex/objects/', 'a git-annex pointer, not the file it stands for', 'Fetch the file itself: git annex get.'],
  // Weights
  [0, '\x89HDF\r\n\x1a\n', 'an HDF5 file (Keras .h5)', CONVERT],
  [0, '\x93NUMPY', 'a NumPy array (.npy)', CONVERT],
  [0, 'GGUF', 'a GGUF file', CONVERT],
  [0, 'TFL3', 'a TensorFlow Lite model', CONVERT],
  [4, 'TFL3', 'a TensorFlow Lite model', CONVERT],
  [0, 'MATLAB ', 'a MATLAB file (.mat)', CONVERT],
  [0, '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19', 'a PyTorch file (torch.save before 1.6)'],
  [0, '\x80\x02', 'a Python pickle'],
  [0, '\x80\x03', 'a Python pickle'],
  [0, '\x80\x04', 'a Python pickle'],
  [0, '\x80\x05', 'a Python pickle'],
  // Serialised objects of Lua's Torch7: a class of version 1
  [0, '\x04\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00V 1', 'a Torch7 file (.t7)', CONVERT],
  // Archives
  [0, '\x1f\x8b', 'a gzip archive', UNPACK],
  [0, 'BZh', 'a bzip2 archive', UNPACK],
  [0, '\xfd7zXZ\x00', 'an xz archive', UNPACK],
  [0, '\x28\xb5\x2f\xfd', 'a Zstandard archive', UNPACK],
  [0, '\x04\x22\x4d\x18', 'an LZ4 archive', UNPACK],
  [0, '7z\xbc\xaf\x27\x1c', 'a 7-Zip archive', UNPACK],
  [0, 'Rar!\x1a\x07', 'a RAR archive', UNPACK],
  [0, 'PK\x05\x06', 'an empty zip archive'],
  // Pictures and films
  [0, '\x89PNG\r\n\x1a\n', 'a PNG picture'],
  [0, '\xff\xd8\xff', 'a JPEG picture'],
  [0, 'GIF8', 'a GIF picture'],
  [0, 'II*\x00', 'a TIFF picture'],
  [0, 'MM\x00*', 'a TIFF picture'],
  [0, 'II+\x00', 'a TIFF picture'],
  [0, 'MM\x00+', 'a TIFF picture'],
  [0, 'IIU\x00', 'a raw camera picture'],
  [0, 'IIRO', 'a raw camera picture'],
  [0, 'FUJIFILMCCD-RAW', 'a raw camera picture'],
  [8, 'WEBP', 'a WebP picture'],
  [8, 'AVI ', 'an AVI film'],
  [8, 'WAVE', 'a WAV sound'],
  [0, '\xff\x0a', 'a JPEG XL picture'],
  [0, '\x00\x00\x00\x0cJXL ', 'a JPEG XL picture'],
  [0, '\x00\x00\x00\x0cjP  ', 'a JPEG 2000 picture'],
  [0, '\xff\x4f\xff\x51', 'a JPEG 2000 picture'],
  [0, '8BPS', 'a Photoshop picture'],
  [0, 'qoif', 'a QOI picture'],
  [0, '\x76\x2f\x31\x01', 'an OpenEXR picture'],
  [0, '#?RADIANCE', 'a Radiance HDR picture'],
  [0, 'gimp xcf', 'a GIMP picture'],
  [0, 'DDS ', 'a DDS picture'],
  [0, '\x8aMNG', 'an MNG picture'],
  [0, '\x8bJNG', 'a JNG picture'],
  [0, 'FLIF', 'a FLIF picture'],
  [0, 'BPG\xfb', 'a BPG picture'],
  [0, '\x00\x00\x01\x00', 'an icon picture'],
  [0, '\x00\x00\x02\x00', 'a cursor picture'],
  [0, '\x1aE\xdf\xa3', 'a WebM or Matroska film'],
  // Other kinds that may be given by mistake
  [0, '%PDF-', 'a PDF document'],
  [0, '\x7fELF', 'a program'],
  [0, '\x00asm', 'a WebAssembly module'],
  [0, 'SQLite format 3\x00', 'an SQLite database'],
  [0, 'PAR1', 'a Parquet table'],
  [0, 'ARROW1', 'an Arrow table'],
  [0, '\xff\xfe', 'a text in UTF-16', 'Save it as UTF-8.'],
  [0, '\xfe\xff', 'a text in UTF-16', 'Save it as UTF-8.'],
];

/**
 * The error to throw when a reader refuses a file. If the file's content shows that it is of another kind, the error names
 * that kind; otherwise it is the reader's own. `refused` says what the file is not. Readers do not call this themselves, so
 * that pages need not load the table of signatures.
 */
export function withFileKind(
  error: unknown,
  bytes: Uint8Array,
  name: string,
  refused = 'not a safetensors file',
): unknown {
  const kind = error instanceof UsageError ? fileKind(bytes) : undefined;
  if (!kind || kind.name === SAFETENSORS) return error;
  return new UsageError(`${name} is ${refused}: it is ${kind.name}. ${kind.advice ?? 'Give the right file.'}`);
}

/** The kind of a file in plain words, or `undefined` if its content does not show it. */
export function kindOf(bytes: Uint8Array): string | undefined {
  return fileKind(bytes)?.name;
}

/** The kind of a file, and what to do. Examines the first kilobyte, a few positions after it, and the end. */
export function fileKind(bytes: Uint8Array): FileKind | undefined {
  if (!bytes.length) return { name: 'an empty file', advice: AGAIN };
  const head = String.fromCharCode(...bytes.subarray(0, HEAD));
  // This is checked first, because the length of a header may look like a short signature.
  if (head.startsWith('\0\0\0\0{', 4)) return { name: SAFETENSORS };
  if (head.startsWith('ftyp', 4)) return { name: mediaKind(head) };
  const found = SIGNATURES.find(([at, signature]) => head.startsWith(signature, at));
  if (found) return { name: found[2], advice: found[3] };
  if (head.startsWith('PK\x03\x04')) return zipKind(head);
  if (/^\0+$/.test(head)) return { name: 'a file of zeros, as an interrupted download leaves', advice: AGAIN };
  if (isTar(bytes)) {
    const torch = /^(sys_info|pickle|tensors|storages)\0/.test(head);
    return torch
      ? { name: 'a PyTorch file of 2016, a tar archive', advice: RESAVE }
      : { name: 'a tar archive', advice: UNPACK };
  }
  const name = weightKind(bytes, head);
  if (name) return { name, advice: CONVERT };
  // Two letters are too few to tell a picture from a text.
  const netpbm = /^P[1-7][\s#]/.test(head) && { name: 'a Netpbm picture (PBM, PGM, PPM)' };
  return netpbm || (textKind(bytes) ?? (head.startsWith('BM') ? { name: 'a BMP picture' } : undefined));
}

/** Brands of ISO media files; the first that matches applies. A file lists several brands, in many pictures general ones first. */
const BRANDS: readonly (readonly [brand: RegExp, name: string])[] = [
  [/avi[fs]/, 'an AVIF picture'],
  [/hei[cxms]|hev[cxms]/, 'a HEIC picture'],
  [/mif1|msf1/, 'a HEIF picture'],
  [/crx /, 'a raw camera picture'],
  [/jp2 |jpx |jpm /, 'a JPEG 2000 picture'],
  [/jxl /, 'a JPEG XL picture'],
];

/** The kind of an ISO media file by its brands. The file begins with box length, `ftyp`, main brand, version, other brands. */
function mediaKind(head: string): string {
  const end = Math.max(16, ((head.charCodeAt(2) << 8) | head.charCodeAt(3)) & ~3);
  const brands = (head.slice(8, 12) + head.slice(16, end)).match(/.{4}/gs) ?? [];
  return BRANDS.find(([brand]) => brands.some((b) => brand.test(b)))?.[1] ?? 'an MP4 film';
}

/** The kind of a zip archive by its first entry. */
function zipKind(head: string): FileKind {
  const entry = head.slice(30, 30 + head.charCodeAt(26) + 256 * head.charCodeAt(27));
  if (/(^|\/)data\.pkl$/.test(entry)) return { name: 'a PyTorch file' };
  if (entry.endsWith('.npy')) return { name: 'a NumPy archive (.npz)', advice: CONVERT };
  if (entry === 'metadata.json') return { name: 'a Keras file (.keras)', advice: CONVERT };
  return { name: 'a zip archive', advice: UNPACK };
}

/** Whether the checksum of a tar header is right. Even the oldest tar files have one. */
function isTar(bytes: Uint8Array): boolean {
  if (bytes.length < 512) return false;
  const field = String.fromCharCode(...bytes.subarray(148, 156));
  if (!/^ *[0-7]{1,7}[ \0]+$/.test(field)) return false;
  let sum = 8 * 0x20;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += bytes[i] as number;
  return Number.parseInt(field, 8) === sum;
}

/** Where an HDF5 file may begin after a user block. */
const HDF5_OFFSETS = [512, 1024, 2048];
/** The magic number at the end of TensorFlow's tables. */
const TABLE_END = '\x57\xfb\x80\x8b\x24\x75\x47\xdb';

/** Recognises formats of weights that do not begin with a signature. */
function weightKind(bytes: Uint8Array, head: string): string | undefined {
  const at = (from: number, n: number) => String.fromCharCode(...bytes.subarray(from, from + n));
  if (HDF5_OFFSETS.some((p) => at(p, 8) === '\x89HDF\r\n\x1a\n')) return 'an HDF5 file (Keras .h5)';
  if (bytes.length > 48 && at(bytes.length - 8, 8) === TABLE_END) return 'a TensorFlow checkpoint';
  return protobufKind(head);
}

/** A length-prefixed string at the beginning of a text, and the rest of the text. Lengths of up to two bytes are enough here. */
function prefixed(text: string): { inner: string; rest: string } | undefined {
  const low = text.charCodeAt(0);
  const wide = low >= 128;
  const length = wide ? (low & 127) + 128 * text.charCodeAt(1) : low;
  const from = wide ? 2 : 1;
  if (!length || (wide && text.charCodeAt(1) >= 128) || from > text.length) return undefined;
  return { inner: text.slice(from, from + length), rest: text.slice(from + length) };
}
const isName = (text: string | undefined) => text !== undefined && /^[\x20-\x7e]+$/.test(text);

/** Recognises models in protocol buffers by the first fields of the messages. */
function protobufKind(head: string): string | undefined {
  // TensorFlow's SavedModel: saved_model_schema_version = 1, then meta_graphs = 2.
  if (head.startsWith('\x08\x01\x12')) return 'a TensorFlow SavedModel';
  // ONNX's ModelProto: ir_version = 1, then producer_name = 2, graph = 7 or opset_import = 8.
  if (head[0] === '\x08' && head.charCodeAt(1) < 32) {
    const named = head[2] === '\x12' && isName(prefixed(head.slice(3))?.inner);
    if (named || head[2] === ':' || head[2] === 'B') return 'an ONNX model';
  }
  if (head[0] !== '\n') return undefined;
  const first = prefixed(head.slice(1));
  if (!first) return undefined;
  // Caffe's NetParameter: name = 1, then layers = 2 or layer = 100.
  if (isName(first.inner) && (first.rest[0] === '\x12' || first.rest.startsWith('\xa2\x06')))
    return 'a Caffe model (.caffemodel)';
  // TensorFlow's GraphDef: node = 1, whose name = 1 is followed by op = 2.
  const node = first.inner[0] === '\n' ? prefixed(first.inner.slice(1)) : undefined;
  if (isName(node?.inner) && node?.rest[0] === '\x12' && isName(prefixed(node.rest.slice(1))?.inner))
    return 'a TensorFlow graph (.pb)';
  return undefined;
}

/** Recognises kinds of text; `undefined` if the bytes are not UTF-8 text. */
function textKind(bytes: Uint8Array): FileKind | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, HEAD), { stream: true }).trimStart();
  } catch {
    return undefined;
  }
  if ([...text].some((c) => c < ' ' && !'\t\n\r\f'.includes(c))) return undefined;
  if (/^<(!doctype html|html|head|body|!--|script)/i.test(text)) return { name: 'an HTML page', advice: PAGE };
  if (/^<svg/i.test(text)) return { name: 'an SVG picture' };
  if (/^<\?xml|^<[a-z]+[\s>]/i.test(text))
    return /<svg/i.test(text) ? { name: 'an SVG picture' } : { name: 'an XML document', advice: PAGE };
  if (/^(\{\s*["}]|\[\s*["[{\]\d-])/.test(text)) return { name: 'a JSON text' };
  if (/^(\(?[dl]p\d+|c[\w.]+\n\w+)\n/.test(text)) return { name: 'a Python pickle' };
  if (!text) return { name: 'a file of white space only', advice: AGAIN };
  const line = text.split(/[\r\n]/, 1)[0] as string;
  return { name: `a text that begins ${JSON.stringify(line.length > 40 ? `${line.slice(0, 40)}…` : line)}` };
}
