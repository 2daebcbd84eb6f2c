import type { Engine } from './engine.js';
import type { Outcomes } from './error-scopes.js';
import type { TextureUpload } from './shader.js';

/** A byte range of a buffer `B` that a dispatch reads from a texture. */
export interface TextureRead<B> {
  readonly buffer: B;
  readonly offset: number;
  readonly bytes: number;
}

/** What a dispatch reads from textures, and the storage that it writes. */
export interface TextureUser<B> {
  readonly reads: readonly TextureRead<B>[];
  readonly writes: readonly B[];
}

/** A read, and the texture it is from. */
export interface TextureUse<B> {
  readonly read: TextureRead<B>;
  readonly texture: number;
  /** The dispatch before which it is copied there; none where it is there from an earlier read. */
  readonly copied: number | undefined;
}

export interface TexturePlan<B> {
  /** Rows of each texture. */
  readonly rows: readonly number[];
  /** By dispatch and read. */
  readonly uses: readonly (readonly TextureUse<B>[])[];
}

/** Plans which texture each read is from, and makes and fills the textures. */
export interface TextureSupport {
  planTextures<B>(users: readonly TextureUser<B>[]): TexturePlan<B>;
  makeTexture(engine: Engine, index: number, rows: number, outcomes: Outcomes): GPUTexture;
  /** The copies that bring a byte range of a buffer into a texture. */
  uploadsOf(buffer: GPUBuffer, offset: number, bytes: number, texture: GPUTexture): TextureUpload[];
}
