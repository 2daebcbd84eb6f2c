import lanesSource from '../../../shaders/crossEntropy/gradient-lanes.wgsl';
import naiveSource from '../../../shaders/crossEntropy/gradient-naive.wgsl';
import type { Kernels, Variant } from '../../autograd/kernel.js';
import { shader } from '../../gpu/shader.js';
import { byLanes, byRows, SHARED_ROWS } from '../softmax/lanes.js';
import type { CrossEntropyGradientCall } from './crossEntropy.js';
import { factorOf } from './reduction.js';

const lanesShader = shader('crossEntropyGradient/lanes', lanesSource);
const naiveShader = shader('crossEntropyGradient/naive', naiveSource);

function params({ arg: { logits, gy }, attrs: { smoothing, reduction } }: CrossEntropyGradientCall) {
  return { smoothing, factor: factorOf(logits, reduction), gy_step: gy.rows * gy.channels === 1 ? 0 : 1 };
}

const lanes: Variant<CrossEntropyGradientCall> = {
  name: 'lanes',
  launch: (call) => ({ dispatches: [byLanes(call.arg.gx, { shader: lanesShader, params: params(call) })] }),
};

const reference: Variant<CrossEntropyGradientCall> = {
  name: 'naive',
  launch: (call) => ({ dispatches: [byRows(call.arg.gx, { shader: naiveShader, params: params(call) })] }),
};

export const kernels: Kernels<CrossEntropyGradientCall> = {
  variants: [lanes, reference],
  reference,
  choose: () => ({ variant: lanes, reason: SHARED_ROWS }),
};
