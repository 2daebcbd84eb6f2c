import { channelsOf, rowsOf } from '../autograd/tensor.js';
import type { Engine } from '../gpu/engine.js';
import { type CompileOptions, compileFor, runPasses, targetOf } from './compile.js';
import { type BufferSpec, isLaunched, isPooled, type LaunchedCall, type View } from './kernel-call.js';
import type { Wanted } from './lower.js';
import type { Plan } from './plan.js';

/** Bit pattern that redzones are filled with: a NaN, so that a kernel that reads one shows. */
export const REDZONE = 0x7fc0dead;

/**
 * A plan for checks: `elements` are left free around every tensor and between its rows, and nothing shares a buffer, so that
 * `redzoneViolations` sees what a kernel writes outside its results.
 */
export function compileWithRedzones(
  engine: Engine,
  wanted: Wanted,
  elements: number,
  options: CompileOptions = {},
): Promise<Plan> {
  return compileFor({ ...targetOf(engine, options), redzone: elements }, engine, wanted, options.fuse);
}

/** The launches that `compileWithRedzones` would plan. */
export async function plannedWithRedzones(
  engine: Engine,
  wanted: Wanted,
  elements: number,
  options: CompileOptions = {},
): Promise<readonly LaunchedCall[]> {
  const target = { ...targetOf(engine, options), redzone: elements };
  return (await runPasses(target, wanted, options.fuse)).calls.filter(isLaunched);
}

/** Fills every value's buffer, scratch, and every texture that arguments are copied to with the pattern. */
export function fillRedzones({ engine, parts }: Plan): void {
  for (const [spec, buffer] of parts.buffers)
    if (isPooled(spec)) engine.write(buffer, 0, new Uint32Array(spec.elements).fill(REDZONE));
  for (const texture of parts.textures) {
    const { width, height } = texture;
    const fill = new Uint32Array(4 * width * height).fill(REDZONE);
    engine.scoped('fill', ({ queue }) =>
      queue.writeTexture({ texture }, fill, { bytesPerRow: 16 * width }, [width, height]),
    );
  }
}

/** Elements outside every tensor that a kernel has overwritten since `fillRedzones`, as `label @ element`. */
export async function redzoneViolations({ engine, parts }: Plan): Promise<string[]> {
  const inside = new Map<BufferSpec, { label: string; mask: Uint8Array }>();
  for (const { inputs, outputs, buffers } of parts.calls)
    for (const [name, value] of Object.entries({ ...inputs, ...outputs })) {
      const { allocation, buffer = allocation, offset, stride } = buffers[name] as View;
      if (allocation.kind !== 'pool') continue;
      const { mask } = inside.get(buffer) ?? { mask: new Uint8Array(buffer.elements) };
      inside.set(buffer, { label: allocation.label, mask });
      const channels = channelsOf(value.shape);
      for (let r = 0; r < rowsOf(value.shape); r++) mask.fill(1, offset + r * stride, offset + r * stride + channels);
    }
  const found: string[] = [];
  for (const [spec, { label, mask }] of inside) {
    const words = new Uint32Array(await engine.readBuffer(parts.buffers.get(spec) as GPUBuffer));
    const at = words.findIndex((word, i) => !mask[i] && word !== REDZONE);
    if (at >= 0) found.push(`${label} @ ${at}`);
  }
  return found;
}
