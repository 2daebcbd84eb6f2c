/** The name of an adapter in one line. */
export function describeAdapter(info: Partial<GPUAdapterInfo> | undefined): string {
  if (!info) return 'unknown adapter';
  return (
    info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ') || 'unknown adapter'
  );
}

/** Whether an adapter runs on the CPU. */
export function isSoftware(info: (Partial<GPUAdapterInfo> & { isFallbackAdapter?: boolean }) | undefined): boolean {
  if (!info) return false;
  if (info.isFallbackAdapter) return true;
  return /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(
    `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
  );
}

/** The number of lanes of a subgroup if the device has subgroups and only one size of them, otherwise 0. */
export function subgroupSizeOf(device: GPUDevice, info: GPUAdapterInfo | undefined): number {
  const { subgroupMinSize: min = 0, subgroupMaxSize: max = 0 } = (info ?? {}) as Partial<GPUAdapterInfo>;
  return device.features.has('subgroups' as GPUFeatureName) && min === max ? min : 0;
}
