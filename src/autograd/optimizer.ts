import { checked, type Kind, NATURAL, RATE } from '../gpu/arguments.js';
import { ShapeError, UsageError } from '../gpu/errors.js';
import { expectGradient, reachedGradients } from './gradients.js';
import { fedInput } from './leaves.js';
import { type f32, node, type Op, type optional, type Update } from './op.js';
import { ParameterSet } from './parameters.js';
import { type Node, TENSOR, Tensor } from './tensor.js';

/** The size of a step: a number, or a function of the number of updates made so far, such as `cosineDecaySchedule` returns. */
export type LearningRate = number | ((step: number) => number);

const GRADIENT: Kind = ['a Tensor, or undefined', (v) => v === undefined || v instanceof Tensor];

/** Attributes of an update; `rule` says which kernel it needs. */
export interface UpdateAttrs<R = unknown> extends Update {
  readonly rule: R;
}

type UpdateArgs = { readonly hyper: typeof f32; readonly scale: typeof optional };
export type UpdateOp<R> = Op<UpdateAttrs<R>, UpdateArgs, Record<never, never>>;

/** The name of the argument with a parameter's gradient. A parameter that is not updated has no such argument. */
export const gradientName = (parameter: string) => `gradient of ${parameter}`;

/**
 * Trains the parameters of a set. Every optimiser extends this class by an op (`defineUpdate`), the names of its state, and
 * the numbers that its kernel takes for step t = 1, 2, ….
 */
export abstract class Optimizer<S extends string = string, R = unknown> {
  learningRate: LearningRate;
  /** The number of updates made so far. To continue from a snapshot, set it and write `state`. */
  step = 0;
  /** The state, by kernel argument: sets with the names and shapes of the trained one, which can be read and written like it. */
  readonly state: Readonly<Record<S, ParameterSet>>;

  constructor(
    /** The parameters that are trained. */
    readonly set: ParameterSet,
    private readonly op: UpdateOp<R>,
    private readonly rule: R,
    learningRate: LearningRate,
    state: readonly S[],
  ) {
    if (set.names.length === 0) throw new UsageError(`${op.name}: parameter set ${set.name} is empty`);
    set.close();
    this.learningRate = learningRate;
    this.state = Object.fromEntries(state.map((name) => [name, zerosLike(set, name)])) as Record<S, ParameterSet>;
  }

  /** Returns the gradients that are applied, for example after clipping. */
  protected prepare(gradients: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
    return gradients;
  }

  /** Returns the numbers that the kernel takes for step t with this learning rate, at most 8. */
  protected abstract hyper(learningRate: number, t: number): readonly number[];

  /**
   * Returns the update that lowers the scalar `loss`, for `compile(…, { update: [optimizer.minimize(loss)] })`. Neither the
   * values nor the state of a parameter change if `loss` does not depend on it. Throws `UsageError` if it depends on none.
   */
  minimize(...given: [loss: Tensor]): Node {
    const [loss] = checked(`${this.op.name}.minimize`, { loss: TENSOR }, given);
    return this.apply(reachedGradients(loss, this.set.tensors));
  }

  /** Returns the update for given gradients, one per parameter in order. A parameter with an undefined gradient does not change. */
  apply(...given: [gradients: readonly (Tensor | undefined)[]]): Node {
    const { set, op, state, rule } = this;
    const [gradients] = checked(`${op.name}.apply`, { gradients: ['a list', Array.isArray, GRADIENT] }, given);
    if (gradients.length !== set.names.length)
      throw new ShapeError(op.name, `${gradients.length} gradients for ${set.names.length} parameters`);
    if (gradients.every((g) => !g))
      throw new UsageError(
        `${op.name}: no parameter of set ${set.name} gets a gradient; it has ${set.names.join(', ')}`,
      );
    const prepared = this.prepare(gradients);
    const feed = { value: () => this.#numbers(), advance: () => this.step++ };
    const inputs: Record<string, Tensor> = { hyper: fedInput(`${op.name} ${set.name}`, [8], 'f32', feed) };
    for (const [i, name] of set.names.entries()) {
      const gradient = prepared[i];
      if (!gradient) continue;
      expectGradient(op.name, `the gradient of ${name}`, gradient, set.get(name));
      inputs[gradientName(name)] = gradient;
    }
    return node(op, inputs, { set, state, rule });
  }

  #numbers(): Float32Array {
    const { step, learningRate: given } = this;
    const learningRate = typeof given === 'function' ? given(step) : given;
    checked(this.op.name, { step: NATURAL, learningRate: RATE }, [step, learningRate]);
    const numbers = new Float32Array(8);
    numbers.set(this.hyper(learningRate, step + 1));
    return numbers;
  }
}

function zerosLike(set: ParameterSet, name: string): ParameterSet {
  const zeros = new ParameterSet(`${set.name}.${name}`);
  for (const n of set.names) zeros.parameter(n, set.get(n).shape, () => 0);
  return zeros;
}
