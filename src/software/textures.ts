import type { Engine } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { TEXELS } from '../gpu/shader.js';
import type { TextureCopy, TexturePlan, TextureUse, TextureUser } from '../gpu/texture-reads.js';
import { present } from '../present.js';

const ROW_BYTES = 16 * TEXELS;

const rowsOf = ({ bytes }: { readonly bytes: number }) => Math.ceil(bytes / ROW_BYTES);

/**
 * Shares few textures among the reads of dispatches that run in order. There are as many as one dispatch reads, each as large as
 * it must be, and a smaller one besides where that saves copies. What is in a texture stays until its place is needed, and is
 * not brought there again as long as nothing has written its storage. As copies part the dispatches into passes, one is made
 * together with earlier ones where its source and its texture are ready by then.
 */
export function planTextures<B>(users: readonly TextureUser<B>[]): TexturePlan<B> {
  const rows: number[] = [];
  for (const { reads } of users)
    for (const [i, n] of reads
      .map(rowsOf)
      .sort((a, b) => b - a)
      .entries())
      rows[i] = Math.max(rows[i] ?? 1, n);
  const least = share(users, rows);
  const last = rows.at(-1);
  if (last === undefined) return least;
  const more = share(users, [...rows, Math.ceil(last / 2)]);
  return costOf(more) < costOf(least) ? more : least;
}

/** Copies and the breaks between passes that they make. */
function costOf<B>({ uses }: TexturePlan<B>): number {
  const copies = uses.flat().flatMap(({ copied }) => (copied === undefined ? [] : [copied]));
  return copies.length + new Set(copies).size;
}

function share<B>(users: readonly TextureUser<B>[], rows: readonly number[]): TexturePlan<B> {
  const keys = keysOf(users);
  const wanted = new Map<string, number[]>();
  for (const [at, list] of keys.entries()) for (const key of list) wanted.set(key, [...(wanted.get(key) ?? []), at]);
  const held: (string | undefined)[] = rows.map(() => undefined);
  const lastRead = rows.map(() => -1);
  const lastWrite = new Map<B, number>();
  const breaks: number[] = [];
  const uses = users.map(({ reads, writes }, at): TextureUse<B>[] => {
    const here = present(keys[at]);
    /** When what a texture holds is read next. */
    const next = (texture: number) => {
      const times = wanted.get(held[texture] ?? '') ?? [];
      return times.find((t) => t > at) ?? Number.POSITIVE_INFINITY;
    };
    /** Fewest copies, then what is needed late or never overwritten, then what was read longest ago. */
    const costs = (textures: readonly number[]) => {
      const over = textures.filter((texture, i) => held[texture] !== here[i]);
      const spoilt = over.reduce((sum, texture) => sum + 1 / (next(texture) - at), 0);
      return [over.length, spoilt, Math.max(-1, ...over.map((texture) => present(lastRead[texture])))];
    };
    const [best] = choices(reads.map(rowsOf), rows)
      .map((textures) => ({ textures, costs: costs(textures) }))
      .sort((a, b) => compare(a.costs, b.costs));
    const found = (best?.textures ?? []).map((texture, i) => {
      const read = present(reads[i]);
      const ready = 1 + Math.max(present(lastRead[texture]), lastWrite.get(read.buffer) ?? -1);
      return { read, texture, fresh: held[texture] !== here[i], ready };
    });
    const fresh = found.filter((f) => f.fresh);
    const earlier = fresh.map((f) => breaks.findLast((b) => b >= f.ready));
    // If one of them must be copied now, there is a break here for all.
    const now = earlier.some((b) => b === undefined);
    if (now) breaks.push(at);
    for (const [i, { texture }] of found.entries()) {
      held[texture] = here[i];
      lastRead[texture] = at;
    }
    for (const buffer of writes) lastWrite.set(buffer, at);
    return found.map(({ read, texture, fresh: copy }) => {
      const copied = !copy ? undefined : now ? at : earlier.shift();
      return { read, texture, copied };
    });
  });
  return { rows, uses };
}

/** Order of lists of numbers by their first difference. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((x, i) => x !== b[i]);
  return at < 0 ? 0 : present(a[at]) - present(b[at]);
}

/** A name for what each read sees: its range, and how often its storage was written before. */
function keysOf<B>(users: readonly TextureUser<B>[]): string[][] {
  const ids = new Map<B, number>();
  const written = new Map<B, number>();
  const idOf = (buffer: B) => {
    const id = ids.get(buffer) ?? ids.size;
    ids.set(buffer, id);
    return id;
  };
  return users.map(({ reads, writes }) => {
    const names = reads.map((r) => [idOf(r.buffer), r.offset, r.bytes, written.get(r.buffer) ?? 0].join(' '));
    for (const buffer of writes) written.set(buffer, (written.get(buffer) ?? 0) + 1);
    return names;
  });
}

/** Returns every way to give each read a texture of its own. `needs` are the rows of the reads, `rows` those of the textures. */
function choices(needs: readonly number[], rows: readonly number[], taken: readonly number[] = []): number[][] {
  const need = needs[taken.length];
  if (need === undefined) return [[...taken]];
  return rows.flatMap((n, i) => (n >= need && !taken.includes(i) ? choices(needs, rows, [...taken, i]) : []));
}

/** Returns the copies that bring a byte range of a buffer of `size` bytes into a texture, row by row from the top, with 16 bytes per texel. */
export function copiesOf(size: number, offset: number, bytes: number): TextureCopy[] {
  const texels = Math.ceil(bytes / 16);
  const over = offset + ROW_BYTES * Math.ceil(texels / TEXELS) > size;
  // The last row is copied to its end, unless the buffer ends before.
  const rows = over ? Math.floor(texels / TEXELS) : Math.ceil(texels / TEXELS);
  const rest = Math.max(0, texels - rows * TEXELS);
  const block = (row: number, extent: readonly [number, number]): TextureCopy => ({
    ...{ offset: offset + ROW_BYTES * row, bytesPerRow: ROW_BYTES, row },
    size: extent,
  });
  return [...(rows ? [block(0, [TEXELS, rows])] : []), ...(rest ? [block(rows, [rest, 1])] : [])];
}

/**
 * The number of unused texels at the end of each texture row. A tile reads dozens of rows of weights at once. Without the
 * unused texels, their distances would be powers of two, so they would all fall into one set of a core's first-level cache.
 */
const SPARE_TEXELS = 16;

/** Creates a texture with this number of rows. */
export function makeTexture(engine: Engine, index: number, rows: number, outcomes: Outcomes): GPUTexture {
  const label = `argument texture ${index}`;
  const width = TEXELS + SPARE_TEXELS;
  const descriptor: GPUTextureDescriptor = {
    label: engine.label(label),
    size: [width, rows],
    format: 'rgba32float',
    usage: 0x02 /* COPY_DST */ | 0x04 /* TEXTURE_BINDING */ | 0x08 /* STORAGE_BINDING */,
  };
  return engine.scoped(label, (device) => device.createTexture(descriptor), outcomes, 16 * width * rows);
}
