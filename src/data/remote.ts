import { PoseGanError, UsageError } from '../gpu/errors.js';
import { shown } from './json-scan.js';
import { type Open, RangeReader, type Timeout, withoutSecrets } from './range-reader.js';
import { type StoredTensor, storedTensor } from './safetensors.js';
import { type HeaderEntry, headerLength, parseSafetensorsHeader } from './safetensors-header.js';

export interface RemoteTensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The number of bytes transferred, and the size of the whole file if the server gives it. */
  readonly transferred: number;
  readonly total: number | undefined;
}

/** Selects the wanted tensors from all that the header names. Throws if those that are needed are missing or wrong. */
export type Choose = (names: string[], entries: ReadonlyMap<string, HeaderEntry>) => Iterable<string>;

/**
 * Reads a few tensors of a safetensors file over HTTP, and no more bytes than necessary: the header's length (8 bytes),
 * the header, then one range for each run of neighbouring tensors. `choose` gets all names and selects the tensors.
 * Throws if the server does not respond or ignores ranges, or if the file is not a safetensors file. Errors show the
 * address without its password and query.
 */
export async function readRemoteTensors(
  url: string,
  choose: Choose,
  options: { readonly open?: Open; readonly timeout?: Timeout } = {},
): Promise<RemoteTensors> {
  const name = withoutSecrets(url);
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
    throw new UsageError(`${name} is not an http or https address; give a local file without --url`);
  const reader = new RangeReader(new URL(url), name, options);
  const refuse = (what: string) => new UsageError(`${name} is not a safetensors file: ${what}`);
  const attempt = <T>(make: () => T, advice = ''): T => {
    try {
      return make();
    } catch (error) {
      if (error instanceof PoseGanError) throw error;
      throw refuse(`${(error as Error).message}${advice}`);
    }
  };
  const start = await reader.read(0, 8);
  const length = attempt(() => headerLength(start), '. For a PyTorch .pth file, download it and give the file');
  const data = 8 + length;
  if (reader.total !== undefined && data > reader.total)
    throw refuse(`its header of ${length} bytes does not fit into ${reader.total} bytes`);
  const bytes = await reader.read(8, length);
  const { entries, size } = attempt(() => parseSafetensorsHeader(bytes));
  if (reader.total !== undefined && data + size !== reader.total)
    throw refuse(`its values take ${size} bytes, the file has ${reader.total - data} for them`);
  const wanted = [...choose([...entries.keys()], entries)].map((tensor): Wanted => {
    const entry = entries.get(tensor);
    if (!entry) throw new UsageError(`${name} has no tensor ${shown(tensor)}`);
    return { name: tensor, entry };
  });
  wanted.sort((a, b) => a.entry.from - b.entry.from || a.entry.to - b.entry.to);

  const tensors = new Map<string, StoredTensor>();
  for (let i = 0; i < wanted.length; ) {
    const run = wanted.slice(i, i + runLength(wanted, i));
    const [first, last] = [run[0] as Wanted, run[run.length - 1] as Wanted];
    const { from } = first.entry;
    const values = await reader.read(data + from, last.entry.to - from);
    for (const { name: tensor, entry } of run)
      tensors.set(
        tensor,
        attempt(() => storedTensor(tensor, entry, values.subarray(entry.from - from, entry.to - from))),
      );
    i += run.length;
  }
  return { tensors, transferred: reader.transferred, total: reader.total };
}

interface Wanted {
  readonly name: string;
  readonly entry: HeaderEntry;
}

/** How many tensors from `i` on follow each other without a gap. */
function runLength(wanted: readonly Wanted[], i: number): number {
  let n = 1;
  while (i + n < wanted.length && wanted[i + n]?.entry.from === wanted[i + n - 1]?.entry.to) n++;
  return n;
}
