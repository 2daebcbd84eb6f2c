import type { Engine } from '../gpu/engine.js';
import { isPooled, type Placements, type Root } from './placement.js';
import { channelsOf, rowsOf } from './tensor.js';

/** Bit pattern of the sentinels: a NaN, so that a kernel that reads one shows. */
export const SENTINEL = 0x7fc0dead;

/** Fills every pooled buffer, and every texture that arguments are copied to, with sentinels. */
export function fillGuards(engine: Engine, places: Placements, owned: readonly (GPUBuffer | GPUTexture)[]): void {
  for (const root of places.roots.filter((r) => isPooled(r) && r.buffer)) {
    const fill = new Uint32Array(root.elements).fill(SENTINEL);
    engine.write(root.buffer as GPUBuffer, 0, fill);
  }
  for (const texture of owned.filter((o): o is GPUTexture => 'createView' in o)) {
    const { width, height } = texture;
    const fill = new Uint32Array(4 * width * height).fill(SENTINEL);
    engine.scoped('fill', ({ queue }) =>
      queue.writeTexture({ texture }, fill, { bytesPerRow: 16 * width }, [width, height]),
    );
  }
}

/** Elements outside every tensor that no longer hold a sentinel, as `label @ element`. */
export async function guardViolations(engine: Engine, places: Placements): Promise<string[]> {
  const inside = new Map<Root, Uint8Array>();
  for (const root of places.roots)
    if (root.kind === 'pool' && root.buffer) inside.set(root, new Uint8Array(root.elements));
  for (const [t, { root, offset, stride }] of places.entries()) {
    const mask = inside.get(root);
    const channels = channelsOf(t.shape);
    if (mask)
      for (let r = 0; r < rowsOf(t.shape); r++) mask.fill(1, offset + r * stride, offset + r * stride + channels);
  }
  const found: string[] = [];
  for (const [root, mask] of inside) {
    const words = new Uint32Array(await engine.readBuffer(root.buffer as GPUBuffer));
    const at = words.findIndex((w, i) => !mask[i] && w !== SENTINEL);
    if (at >= 0) found.push(`${root.label} @ ${at}`);
  }
  return found;
}
