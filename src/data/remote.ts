import { PoseGanError, UsageError } from '../gpu/errors.js';
import { readSafetensors, type StoredTensor } from './safetensors.js';

/** The format itself allows no more for a header. */
const MAX_HEADER = 100_000_000;

export interface RemoteTensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Bytes that were transferred, and the size of the whole file where the server tells. */
  readonly transferred: number;
  readonly total: number | undefined;
}

/**
 * Reads a few tensors of a safetensors file over HTTP, and no more bytes than they take: the header's length (8 bytes),
 * the header, then one range for each run of neighbouring tensors. `choose` gets all names and says which are needed.
 * Throws when the server does not answer, ignores ranges, or the file is no safetensors file.
 */
export async function readRemoteTensors(
  url: string,
  choose: (names: string[]) => Iterable<string>,
): Promise<RemoteTensors> {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw new UsageError(`${url} is no http or https address; give a local file without --url`);
  let transferred = 0;
  let total: number | undefined;
  const read = async (from: number, length: number): Promise<Uint8Array> => {
    if (length === 0) return new Uint8Array(0);
    const part = await range(url, from, length);
    transferred += part.bytes.length;
    total = part.total ?? total;
    return part.bytes;
  };
  const start = await read(0, 8);
  const length = Number(new DataView(start.buffer).getBigUint64(0, true));
  if (length < 2 || length > MAX_HEADER)
    throw new UsageError(
      `${url} is no safetensors file: its first 8 bytes give a header of ${length} bytes. ` +
        'For a PyTorch .pth file, download it and give the file.',
    );
  const header = await read(8, length);
  const entries = parseHeader(header, url);
  const wanted = [...choose([...entries.keys()])].map((name) => {
    const entry = entries.get(name);
    if (!entry) throw new UsageError(`${url} has no tensor ${name}`);
    return { name, ...entry };
  });
  wanted.sort((a, b) => a.from - b.from);

  const tensors = new Map<string, StoredTensor>();
  for (let i = 0; i < wanted.length; ) {
    const run = wanted.slice(i, i + runLength(wanted, i));
    const [first, last] = [run[0] as Wanted, run[run.length - 1] as Wanted];
    const bytes = await read(8 + length + first.from, last.to - first.from);
    for (const { name, dtype, shape, from, to } of run)
      tensors.set(name, checked(name, dtype, shape, bytes.subarray(from - first.from, to - first.from), url));
    i += run.length;
  }
  return { tensors, transferred, total };
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}
type Wanted = Entry & { readonly name: string };

/** How many tensors from `i` on follow each other without a gap. */
function runLength(wanted: readonly Wanted[], i: number): number {
  let n = 1;
  while (i + n < wanted.length && wanted[i + n]?.from === wanted[i + n - 1]?.to) n++;
  return n;
}

function parseHeader(bytes: Uint8Array, url: string): Map<string, Entry> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UsageError(`${url} is no safetensors file: its header is not JSON (${(error as Error).message})`);
  }
  const entries = new Map<string, Entry>();
  for (const [name, value] of Object.entries(header ?? {})) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
    const [from, to] = Array.isArray(offsets) ? (offsets as unknown[]) : [];
    if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && Array.isArray(shape) && 0 <= (from as number)))
      throw new UsageError(`${url} is no safetensors file: its entry ${name} is damaged`);
    entries.set(name, { dtype: String(dtype), shape: shape as number[], from: from as number, to: to as number });
  }
  return entries;
}

/** Has type, shape and length checked by the reader of whole files, as a file of this one tensor. */
function checked(name: string, dtype: string, shape: readonly number[], bytes: Uint8Array, url: string): StoredTensor {
  const header = new TextEncoder().encode(JSON.stringify({ x: { dtype, shape, data_offsets: [0, bytes.length] } }));
  const file = new Uint8Array(8 + header.length + bytes.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(bytes, 8 + header.length);
  return readSafetensors(file, `${name} of ${url}`).tensors.get('x') as StoredTensor;
}

async function range(url: string, from: number, length: number): Promise<{ bytes: Uint8Array; total?: number }> {
  const stop = new AbortController();
  let response: Response;
  try {
    // A compressed answer would have other ranges.
    const headers = { Range: `bytes=${from}-${from + length - 1}`, 'Accept-Encoding': 'identity' };
    response = await fetch(url, { headers, signal: stop.signal });
  } catch (error) {
    const cause = (error as { cause?: { message?: string } }).cause?.message ?? (error as Error).message;
    throw new PoseGanError(`${url} cannot be reached: ${cause}. Check the address and the network.`);
  }
  const given = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 206 && Number(given?.[1]) === from) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length !== length)
      throw new PoseGanError(`${url}: asked for ${length} bytes at ${from}, got ${bytes.length}; it is cut short`);
    return { bytes, total: given?.[3] === '*' ? undefined : Number(given?.[3]) };
  }
  // Without this the whole file would still come.
  stop.abort();
  if (response.status === 200 || response.status === 206)
    throw new PoseGanError(
      `${url}: the server ignores byte ranges and would send the whole file. Download it and give the file, ` +
        'or use a server that answers ranges (Hugging Face, S3 and most static hosts do).',
    );
  if (response.status === 416) throw new PoseGanError(`${url} is shorter than ${from + length} bytes: it is cut short`);
  throw new PoseGanError(`${url}: the server answers ${response.status} ${response.statusText}. Check the address.`);
}
