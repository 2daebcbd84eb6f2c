import type { TextureUpload } from './shader.js';

/** A dispatch with everything that is needed to record it. */
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

export function uploadTextures(encoder: GPUCommandEncoder, uploads: readonly TextureUpload[]): void {
  for (const { source, destination, size } of uploads) encoder.copyBufferToTexture(source, destination, size);
}
