import type { Engine } from '../gpu/engine.js';
import { measure, type Times } from '../gpu/measure.js';
import type { Shader } from '../gpu/shader.js';

/** A kernel that does nothing. */
const EMPTY: Shader = {
  ...{ label: 'launch/empty', code: '@compute @workgroup_size(1) fn main() {}', entryPoint: 'main' },
  ...{ bindings: [], params: [], paramBytes: 0, overrides: [], enables: [] },
};

/** Milliseconds that a dispatch takes on this device if its kernel does nothing. */
export async function launchCost(engine: Engine): Promise<number> {
  const pipeline = await engine.pipeline(EMPTY);
  const bindGroup = engine.bindGroup(EMPTY.label, pipeline, []);
  const work = { dispatches: [{ pipeline, bindGroup, workgroups: [1, 1, 1] as const, uploads: [] }] };
  const [times] = await measure(engine, [work], { samples: 5 });
  return (times as Times).median;
}
