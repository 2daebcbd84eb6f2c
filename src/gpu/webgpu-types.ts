/**
 * The interfaces of WebGPU that the package's declarations mention, each without members. If a program has the full interface,
 * TypeScript merges the two. It comes from the DOM library of TypeScript 6 or from `@webgpu/types`, which conflict with each
 * other. The declarations therefore include neither, and also compile in a program without them.
 */
declare global {
  interface GPUAdapter {}
  interface GPUAdapterInfo {}
  interface GPUBindGroup {}
  interface GPUBindGroupEntry {}
  interface GPUBuffer {}
  interface GPUCommandEncoder {}
  interface GPUComputePipeline {}
  interface GPUDevice {}
  interface GPUQueue {}
  interface GPUSupportedLimits {}
  interface GPUTexelCopyBufferInfo {}
  interface GPUTexelCopyTextureInfo {}
  interface GPUTexture {}
}

export {};
