/** The pose-GAN for pages and for Node: generating, training, its files, and drawn people to train on. */
export { type Batch, Batches } from './data/batches.js';
export { type DataSource, type Dataset, type DatasetOptions, openDataset } from './data/dataset.js';
export { drawnSource } from './data/files-source.js';
export { fromTensor, type Image, resize, toTensor } from './data/image.js';
export type { ModelFrame } from './data/named-pose.js';
export { drawSynthetic, type SynthOptions, type SynthPicture } from './data/synth.js';
export { type SynthDatasetOptions, synthDataset } from './data/synth-dataset.js';
export type * from './gpu/webgpu-types.js';
export {
  type Checkpoint,
  type CheckpointInfo,
  fromCheckpoint,
  type Nets,
  toCheckpoint,
  type Weights,
  weightsOf,
} from './model/checkpoint.js';
export { type ConfigOptions, type ModelConfig, modelConfig } from './model/config.js';
export { filterBank } from './model/filter-bank.js';
export type { PairData, TrainingData } from './model/inputs.js';
export {
  frameOf,
  generateList,
  generatorParameters,
  type PosePair,
  pairData,
} from './model/pairs.js';
export {
  Generator,
  type GeneratorOptions,
  type Losses,
  Trainer,
  type TrainerOptions,
  type TrainingState,
} from './model/trainer.js';
export { fromStateFile, type StateInfo, toStateFile } from './model/training-state.js';
export { Vgg } from './model/vgg.js';
export { PERSON, type Pose, parseSkeleton, type Skeleton } from './pose/skeleton.js';
