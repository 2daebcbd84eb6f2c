import type { Tensor } from '../src/autograd/tensor.js';
import { choose } from '../src/compiler/choose.js';
import { isLaunched, type LaunchedCall } from '../src/compiler/kernel-call.js';
import { lower } from '../src/compiler/lower.js';
import { targetOf } from '../src/compiler/options.js';
import { place } from '../src/compiler/place.js';
import type { Engine } from '../src/gpu/engine.js';

/** Returns the launched calls of a graph whose kernels are loaded, without fusion. */
export function launchesOf(engine: Engine, outputs: Readonly<Record<string, Tensor>>): readonly LaunchedCall[] {
  const target = targetOf(engine);
  return choose(place(lower({ outputs }), target), target).filter(isLaunched);
}
