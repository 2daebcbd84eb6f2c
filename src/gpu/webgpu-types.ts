/**
 * The interfaces of WebGPU that the package's declarations mention, each without members. TypeScript merges an empty interface with
 * the full one where a program has it, from the DOM library of TypeScript 6 or from `@webgpu/types`, which must not be in one
 * program together. So the declarations bring in neither, and also compile in a program that has none.
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
