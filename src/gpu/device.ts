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

/** Requests a device with all features and limits of the adapter that kernels use. */
export function requestDevice(adapter: GPUAdapter, label = 'pose-gan'): Promise<GPUDevice> {
  return adapter.requestDevice({
    label,
    requiredLimits: Object.fromEntries(LIMITS.map((n) => [n, adapter.limits[n]])),
    requiredFeatures: FEATURES.filter((f) => adapter.features.has(f)),
  });
}
