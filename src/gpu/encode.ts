import { TEXELS, type TextureUpload } from './shader.js';

/** A dispatch with all that it takes to record it. */
export interface EncodedDispatch {
  readonly uploads: readonly TextureUpload[];
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** Records dispatches in order, in as few passes as their texture uploads allow. */
export function encodeDispatches(
  encoder: GPUCommandEncoder,
  dispatches: readonly EncodedDispatch[],
  label: string,
): void {
  let pass: GPUComputePassEncoder | undefined;
  let pipeline: GPUComputePipeline | undefined;
  for (const d of dispatches) {
    if (d.uploads.length) {
      pass?.end();
      pass = undefined;
      uploadTextures(encoder, d.uploads);
    }
    if (!pass) {
      pass = encoder.beginComputePass({ label });
      pipeline = undefined;
    }
    if (d.pipeline !== pipeline) pass.setPipeline(d.pipeline);
    pipeline = d.pipeline;
    pass.setBindGroup(0, d.bindGroup);
    pass.dispatchWorkgroups(d.workgroups[0], d.workgroups[1], d.workgroups[2]);
  }
  pass?.end();
}

/** Copies buffer ranges into textures `TEXELS` wide, row after row; 16 bytes a texel. */
export function uploadTextures(encoder: GPUCommandEncoder, uploads: readonly TextureUpload[]): void {
  for (const { buffer, offset, bytes, texture } of uploads) {
    const texels = Math.ceil(bytes / 16);
    const rows = Math.floor(texels / TEXELS);
    const layout = { buffer, offset, bytesPerRow: 16 * TEXELS };
    if (rows) encoder.copyBufferToTexture(layout, { texture }, [TEXELS, rows]);
    const rest = texels - rows * TEXELS;
    if (rest)
      encoder.copyBufferToTexture({ ...layout, offset: offset + 16 * TEXELS * rows }, { texture, origin: [0, rows] }, [
        rest,
        1,
      ]);
  }
}
