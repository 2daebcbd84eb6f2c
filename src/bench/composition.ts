import type { Shape, Tensor } from '../autograd/tensor.js';

/** A graph of simpler ops that computes the same results by the same names, with gradients through autograd. */
export interface Composition<A = unknown> {
  /** Says in a few words what it is made of. */
  readonly what: string;
  /**
   * Makes f32 inputs of its own from those of the room, on the host. Without it the composition takes those of the
   * room.
   */
  inputs?(inputs: Readonly<Record<string, Values>>, attrs: A): Record<string, Values>;
  build(inputs: Readonly<Record<string, Tensor>>, attrs: A): Record<string, Tensor>;
}

export interface Values {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}
