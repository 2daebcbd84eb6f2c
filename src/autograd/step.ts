import type { TextureUpload } from '../gpu/shader.js';
import type { Call, Op } from './op.js';
import type { Root } from './placement.js';
import type { Node } from './tensor.js';

export interface StepBinding {
  readonly name: string;
  readonly root: Root;
  readonly writes: boolean;
}

/** One dispatch of a plan. */
export interface Step {
  readonly label: string;
  readonly node: Node;
  readonly op: Op;
  readonly variant: string;
  readonly call: Call;
  readonly shader: string;
  readonly workgroups: readonly [number, number, number];
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly bindings: readonly StepBinding[];
  /** What to bring into textures before the dispatch when all steps run in order, for it and for later ones. */
  readonly uploads: readonly TextureUpload[];
  /** What it reads from textures in all. */
  readonly textures: readonly TextureUpload[];
  /** First dispatch of its node; costs are counted there. */
  readonly first: boolean;
}
