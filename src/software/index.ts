import type { Kernels } from '../autograd/kernel.js';
import { conv2dOp } from '../kernels/conv2d/conv2d.js';
import { conv2dWeightGradientOp } from '../kernels/conv2d/conv2dWeightGradient.js';
import { convTranspose2dOp } from '../kernels/convTranspose2d/convTranspose2d.js';
import { crossEntropyGradientOp, crossEntropyOp } from '../kernels/crossEntropy/crossEntropy.js';
import { sumOfSquaresOp } from '../kernels/globalNorm/globalNorm.js';
import { instanceNormGradientOp } from '../kernels/instanceNorm/gradient.js';
import { instanceNormOp } from '../kernels/instanceNorm/instanceNorm.js';
import { l1Op } from '../kernels/l1/l1.js';
import { nearestNeighbourDistanceOp } from '../kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
import { logSoftmaxGradientOp, logSoftmaxOp, softmaxGradientOp, softmaxOp } from '../kernels/softmax/softmax.js';
import { sumOp } from '../kernels/sum/sum.js';
import { plainest } from './offers.js';

/**
 * What exists only for adapters that run on the CPU. On these, a barrier takes as long as 500 multiply-adds, and an array of registers
 * is kept in memory if a loop indexes it.
 */

type Load = () => Promise<{ readonly kernels: Kernels }>;

/** Loads the kernels that an op has on such adapters in place of its own, if it has any. */
export function kernelsFor(op: unknown): Load | undefined {
  return byOp.get(op);
}

const byOp: ReadonlyMap<unknown, Load> = new Map<unknown, Load>([
  [l1Op, () => import('./l1.js')],
  [sumOp, () => import('./sum.js')],
  [crossEntropyOp, () => import('./crossEntropy.js')],
  [crossEntropyGradientOp, plainest(crossEntropyGradientOp)],
  [softmaxOp, plainest(softmaxOp)],
  [softmaxGradientOp, plainest(softmaxGradientOp)],
  [logSoftmaxOp, plainest(logSoftmaxOp)],
  [logSoftmaxGradientOp, plainest(logSoftmaxGradientOp)],
  [sumOfSquaresOp, plainest(sumOfSquaresOp)],
  [instanceNormOp, () => import('./instanceNorm.js')],
  [instanceNormGradientOp, () => import('./instanceNormGradient.js')],
  [nearestNeighbourDistanceOp, () => import('./nearestNeighbourDistance.js')],
  [conv2dOp, () => import('./conv2d.js')],
  [conv2dWeightGradientOp, () => import('./conv2dWeightGradient.js')],
  [convTranspose2dOp, () => import('./convTranspose2d.js')],
]);

/** Plans the textures from which these adapters' kernels read arguments that they read many times. */
export const textures = () => import('./textures.js');
