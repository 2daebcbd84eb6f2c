import { LimitError } from '../gpu/errors.js';
import { isLaunched, type PlacedCall } from './kernel-call.js';

const ADVICE = 'Use a smaller batch, image or width.';

/**
 * Throws `LimitError` for values larger than the device can bind, and for scratch buffers of calls whose kernel is
 * chosen. The compiler also calls it before it chooses kernels, because some kernels split their work into dispatches,
 * whose number grows with the size of the values.
 */
export function checkMemory(calls: readonly PlacedCall[], limits: GPUSupportedLimits): void {
  const most = limits.maxStorageBufferBindingSize;
  for (const { op, kernel, buffers } of calls) {
    if (op.kind === 'leaf' || op.kind === 'keep') continue;
    const label = kernel?.label ?? op.name;
    for (const { allocation } of Object.values(buffers)) {
      const bytes = 4 * allocation.elements;
      if (bytes <= most) continue;
      const owner = allocation.label.startsWith(label) ? '' : `${label}: `;
      throw new LimitError(`${owner}${allocation.label}`, 'maxStorageBufferBindingSize', bytes, most, ADVICE);
    }
  }
}

/**
 * Throws `LimitError` for memory, dispatches and bindings beyond what the device allows, before anything is allocated.
 */
export function checkLimits(calls: readonly PlacedCall[], limits: GPUSupportedLimits): void {
  checkMemory(calls, limits);
  for (const { kernel } of calls.filter(isLaunched))
    for (const { workgroups, shader } of kernel.launch.dispatches) {
      const groups = Math.max(...workgroups);
      const { maxComputeWorkgroupsPerDimension, maxStorageBuffersPerShaderStage } = limits;
      if (groups > maxComputeWorkgroupsPerDimension)
        throw new LimitError(
          kernel.label,
          'maxComputeWorkgroupsPerDimension',
          groups,
          maxComputeWorkgroupsPerDimension,
          ADVICE,
        );
      const bound = shader.bindings.filter((b) => b.type !== 'uniform').length;
      if (bound > maxStorageBuffersPerShaderStage)
        throw new LimitError(
          kernel.label,
          'maxStorageBuffersPerShaderStage',
          bound,
          maxStorageBuffersPerShaderStage,
          'Request a higher limit when creating the device.',
        );
    }
}
