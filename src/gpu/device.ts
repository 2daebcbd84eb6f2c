/** Features and limits that kernels use when an adapter has more than WebGPU guarantees. */
const FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups' as GPUFeatureName];
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
] as const;

/** A device with all that kernels use of what the adapter offers. */
export function requestDevice(adapter: GPUAdapter, label = 'pose-gan'): Promise<GPUDevice> {
  return adapter.requestDevice({
    label,
    requiredLimits: Object.fromEntries(LIMITS.map((n) => [n, adapter.limits[n]])),
    requiredFeatures: FEATURES.filter((f) => adapter.features.has(f)),
  });
}
