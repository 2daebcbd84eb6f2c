import type { Engine } from './engine.js';
import type { Outcomes } from './error-scopes.js';

/** A byte range of a buffer `B` that a dispatch reads from a texture. */
export interface TextureRead<B> {
  readonly buffer: B;
  readonly offset: number;
  readonly bytes: number;
}

/** The reads of a dispatch from textures, and the storage that it writes. */
export interface TextureUser<B> {
  readonly reads: readonly TextureRead<B>[];
  readonly writes: readonly B[];
}

/** A read with its texture. */
export interface TextureUse<B> {
  readonly read: TextureRead<B>;
  readonly texture: number;
  /** The dispatch before which the bytes are copied to the texture; `undefined` if an earlier read has copied them. */
  readonly copied: number | undefined;
}

export interface TexturePlan<B> {
  /** Number of rows of each texture. */
  readonly rows: readonly number[];
  /** The uses of each dispatch, in the order of its reads. */
  readonly uses: readonly (readonly TextureUse<B>[])[];
}

/** A copy from byte `offset` of a buffer to the rows of a texture from `row` on. */
export interface TextureCopy {
  readonly offset: number;
  readonly bytesPerRow: number;
  readonly row: number;
  /** The number of texels in a row and of rows. */
  readonly size: readonly [width: number, height: number];
}

/** Assigns textures to reads, and makes and fills the textures. */
export interface TextureSupport {
  planTextures<B>(users: readonly TextureUser<B>[]): TexturePlan<B>;
  makeTexture(engine: Engine, index: number, rows: number, outcomes: Outcomes): GPUTexture;
  /** The copies that bring a byte range of a buffer of `size` bytes to a texture. */
  copiesOf(size: number, offset: number, bytes: number): TextureCopy[];
}
