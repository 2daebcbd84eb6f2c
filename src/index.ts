export { gradients, vectorJacobian } from './autograd/gradients.js';
export {
  type Arg,
  type Call,
  type Dispatch,
  grid,
  type KernelChoice,
  type Kernels,
  type Launch,
  onlyKernel,
  type Variant,
  vec4Ready,
} from './autograd/kernel.js';
export { constant, input } from './autograd/leaves.js';
export {
  aligned,
  any as anyType,
  apply,
  type CallOf,
  defineOp,
  f32,
  type Op,
  optional,
  strided,
  u32,
  type ValueSpec,
} from './autograd/op.js';
export { type Initializer, type InitialValue, type ParameterInfo, ParameterSet } from './autograd/parameters.js';
export type { DType, Node, Shape, Tensor, TensorData, TensorType } from './autograd/tensor.js';
export { compile, plannedCalls } from './compiler/compile.js';
export type { KernelCall, LaunchedCall } from './compiler/kernel-call.js';
export type { MemoryReport } from './compiler/memory.js';
export type { CompileOptions } from './compiler/options.js';
export type { Plan, ProfileRow } from './compiler/plan.js';
export type { TunedClass, TuneOptions, TuneProgress, TuneResult } from './compiler/tune.js';
export { tune } from './compiler/tune-on-demand.js';
export { type Counters, Engine, type EngineOptions } from './gpu/engine.js';
export * from './gpu/errors.js';
export { ParameterStorage } from './gpu/parameter-storage.js';
export { readShader, type Shader, type ShaderSource, shader } from './gpu/shader.js';
export { type AdapterIdentity, type Choice, type StoredTuning, Tuning, type TuningFile } from './gpu/tuner.js';
export type * from './gpu/webgpu-types.js';
export { Adam, type AdamOptions, AdamW } from './kernels/adam/adam.js';
export { affineWarp } from './kernels/affineWarp/affineWarp.js';
export { type AvgPoolOptions, avgPool2d } from './kernels/avgPool2d/avgPool2d.js';
export { type BatchNormOptions, batchNorm } from './kernels/batchNorm/batchNorm.js';
export { foldBatchNorm, type NormValues } from './kernels/batchNorm/fold.js';
export { bceWithLogits } from './kernels/bceWithLogits/bceWithLogits.js';
export { concatBatch, splitBatch } from './kernels/concat/batch.js';
export { concat } from './kernels/concat/concat.js';
export { conv2d } from './kernels/conv2d/conv2d.js';
export type { ConvOptions } from './kernels/conv2d/convolution.js';
export { type ConvTransposeOptions, convTranspose2d } from './kernels/convTranspose2d/convTranspose2d.js';
export { copy } from './kernels/copy/copy.js';
export { type CrossEntropyOptions, crossEntropy } from './kernels/crossEntropy/crossEntropy.js';
export type { Reduction } from './kernels/crossEntropy/reduction.js';
export { deformableSkip } from './kernels/deformableSkip/deformableSkip.js';
export { dropout, noise, uniformNoise } from './kernels/dropout/dropout.js';
export { Random } from './kernels/dropout/random.js';
export * from './kernels/elementwise/elementwise.js';
export { clipByGlobalNorm, globalNorm } from './kernels/globalNorm/globalNorm.js';
export { heatMaps } from './kernels/heatMaps/heatMaps.js';
export { type InstanceNormOptions, instanceNorm } from './kernels/instanceNorm/instanceNorm.js';
export { l1 } from './kernels/l1/l1.js';
export { linear, matmul } from './kernels/linear/linear.js';
export { maxPool2d } from './kernels/maxPool2d/maxPool2d.js';
export type { PoolOptions } from './kernels/maxPool2d/pooling.js';
export { nearestNeighbourDistance } from './kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
export { partMasks } from './kernels/partMasks/partMasks.js';
export { type FlattenOptions, flatten, reshape } from './kernels/reshape/reshape.js';
export { type ResizeOptions, resize2d } from './kernels/resize2d/resize2d.js';
export { SGD, type SGDOptions } from './kernels/sgd/sgd.js';
export { detach, slice } from './kernels/slice/slice.js';
export { logSoftmax, softmax } from './kernels/softmax/softmax.js';
export { broadcast, mean, sum } from './kernels/sum/sum.js';
export type { Over } from './kernels/sum/view.js';
export { tile } from './kernels/tile/tile.js';
export { type LoadOptions, type LoadReport, load, type Savable, type Saved, save } from './nets/files.js';
export {
  constantValue,
  type GlorotOptions,
  glorotNormal,
  glorotUniform,
  type HeOptions,
  heNormal,
  heUniform,
  normal,
  ones,
  type RandomSource,
  uniform,
  zeros,
} from './nets/initializers.js';
export {
  type CosineDecayOptions,
  constantSchedule,
  cosineDecaySchedule,
  type ExponentialDecayOptions,
  exponentialDecay,
  type LinearScheduleOptions,
  linearSchedule,
  type PiecewiseConstantOptions,
  piecewiseConstantSchedule,
  type Schedule,
  type WarmupCosineDecayOptions,
  warmupCosineDecaySchedule,
} from './nets/schedules.js';
