import type { InitialValue, ParameterInfo } from '../autograd/parameters.js';
import { formatShape, sizeOf } from '../autograd/tensor.js';
import { anyOf, COUNT, checked, FUNCTION, type Kind, type Kinds, NATURAL, NUMBER, oneOf } from '../gpu/arguments.js';
import { ShapeError } from '../gpu/errors.js';

/**
 * Where random initial values come from: a seed, which is an integer in [0, 2⁵³), or a function that returns numbers in [0, 1), such
 * as `Math.random`. With a seed, a value depends on the seed, the names of the set and the parameter, and the element's index alone,
 * so that it is the same on every machine and in whatever order a net is built. A function is called again for every device.
 */
export type RandomSource = number | (() => number);

export interface GlorotOptions {
  /** The number of groups of a grouped convolution, whose fan-out is smaller by this factor. Default: 1. */
  groups?: number;
}

export interface HeOptions extends GlorotOptions {
  /** Whether values keep their variance forward (`fanIn`, the default) or gradients theirs backward (`fanOut`). */
  mode?: 'fanIn' | 'fanOut';
}

const SOURCE: Kind = /* @__PURE__ */ anyOf(NATURAL, FUNCTION);
const GLOROT: Kinds = { 'groups?': COUNT };
const HE: Kinds = { 'groups?': COUNT, 'mode?': /* @__PURE__ */ oneOf('fanIn', 'fanOut') };

/** Initial value 0. */
export const zeros: InitialValue = () => 0;

/** Initial value 1. */
export const ones: InitialValue = () => 1;

/** The same initial value for every element. */
export function constantValue(...args: [value: number]): InitialValue {
  const [value] = checked('constantValue', { value: NUMBER }, args);
  return () => value;
}

/** Uniformly distributed initial values in [`low`, `high`); default [0, 1). */
export function uniform(...args: [source: RandomSource, options?: { low?: number; high?: number }]): InitialValue {
  const kinds = { source: SOURCE, 'options?': { 'low?': NUMBER, 'high?': NUMBER } };
  const [source, { low = 0, high = 1 } = {}] = checked('uniform', kinds, args);
  return drawn(source, (draw) => (index) => low + (high - low) * draw(index));
}

/** Normally distributed initial values with the mean `mean` (default 0) and the standard deviation `std` (default 1). */
export function normal(...args: [source: RandomSource, options?: { std?: number; mean?: number }]): InitialValue {
  const kinds = { source: SOURCE, 'options?': { 'std?': NUMBER, 'mean?': NUMBER } };
  const [source, { std = 1, mean = 0 } = {}] = checked('normal', kinds, args);
  return drawn(source, (draw) => (index) => mean + std * standardNormal(draw, index));
}

/**
 * N(0, 2 / fan) for weights before a ReLU (He et al. 2015, Eq. 10), not truncated: PyTorch's `kaiming_normal_`. See `fansOf` for the
 * fans of a parameter.
 */
export function heNormal(...args: [source: RandomSource, options?: HeOptions]): InitialValue {
  const [source, { mode = 'fanIn', groups = 1 } = {}] = checked('heNormal', { source: SOURCE, 'options?': HE }, args);
  return drawn(source, (draw, parameter) => {
    const std = Math.sqrt(2 / fansOf('heNormal', parameter, groups)[mode]);
    return (index) => std * standardNormal(draw, index);
  });
}

/** U(±√(6 / fan)), which has the variance of `heNormal`: PyTorch's `kaiming_uniform_`. */
export function heUniform(...args: [source: RandomSource, options?: HeOptions]): InitialValue {
  const [source, { mode = 'fanIn', groups = 1 } = {}] = checked('heUniform', { source: SOURCE, 'options?': HE }, args);
  return drawn(source, (draw, parameter) => {
    const limit = Math.sqrt(6 / fansOf('heUniform', parameter, groups)[mode]);
    return (index) => limit * (2 * draw(index) - 1);
  });
}

/** N(0, 2 / (fan-in + fan-out)) (Glorot & Bengio 2010, Eq. 12), not truncated: PyTorch's `xavier_normal_`. */
export function glorotNormal(...args: [source: RandomSource, options?: GlorotOptions]): InitialValue {
  const [source, { groups = 1 } = {}] = checked('glorotNormal', { source: SOURCE, 'options?': GLOROT }, args);
  return drawn(source, (draw, parameter) => {
    const { fanIn, fanOut } = fansOf('glorotNormal', parameter, groups);
    const std = Math.sqrt(2 / (fanIn + fanOut));
    return (index) => std * standardNormal(draw, index);
  });
}

/** U(±√(6 / (fan-in + fan-out))) (Glorot & Bengio 2010, Eq. 16): PyTorch's `xavier_uniform_`. */
export function glorotUniform(...args: [source: RandomSource, options?: GlorotOptions]): InitialValue {
  const [source, { groups = 1 } = {}] = checked('glorotUniform', { source: SOURCE, 'options?': GLOROT }, args);
  return drawn(source, (draw, parameter) => {
    const { fanIn, fanOut } = fansOf('glorotUniform', parameter, groups);
    const limit = Math.sqrt(6 / (fanIn + fanOut));
    return (index) => limit * (2 * draw(index) - 1);
  });
}

/**
 * Of weights [in, out] or [height, width, in, out]: the number of terms of an output, height · width · in, and the number of outputs
 * that a value takes part in, height · width · out / groups. Grouped convolutions have the inputs of one group as `in`; PyTorch
 * does not divide their fan-out by the groups. Transposed convolutions, whose weights are [height, width, out, in], get fans the
 * other way round, as in PyTorch.
 */
function fansOf(of: string, { name, shape }: ParameterInfo, groups: number): { fanIn: number; fanOut: number } {
  if (shape.length < 2)
    throw new ShapeError(
      of,
      `parameter ${name} is ${formatShape(shape)}, but only weights [in, out] or [height, width, in, out] have a fan-in and a ` +
        'fan-out; fill it with zeros, ones, constantValue, normal or uniform',
    );
  const [from = 1, to = 1] = shape.slice(-2);
  if (to % groups)
    throw new ShapeError(of, `parameter ${name} is ${formatShape(shape)}, whose ${to} outputs are no ${groups} groups`);
  const taps = sizeOf(shape.slice(0, -2));
  return { fanIn: taps * from, fanOut: (taps * to) / groups };
}

/** Values by index, by a rule that is asked once for a parameter. */
function drawn(
  source: RandomSource,
  rule: (draw: (index: number) => number, parameter: ParameterInfo) => (index: number) => number,
): InitialValue {
  let current: ParameterInfo | undefined;
  let value: (index: number) => number = () => 0;
  return (index, parameter) => {
    if (parameter !== current) {
      const { set, name } = parameter;
      value = rule(typeof source === 'function' ? source : uniformAt(source, `${set}/${name}`), parameter);
      current = parameter;
    }
    return value(index);
  };
}

/** Box–Muller: elements 2k and 2k + 1 share two uniform numbers. */
function standardNormal(draw: (index: number) => number, index: number): number {
  const even = index - (index % 2);
  const radius = Math.sqrt(-2 * Math.log(1 - draw(even)));
  const angle = 2 * Math.PI * draw(even + 1);
  return radius * (index % 2 ? Math.sin(angle) : Math.cos(angle));
}

/** Uniform numbers in [0, 1) that depend on seed, name and index alone. The mixing function is MurmurHash3's finaliser. */
function uniformAt(seed: number, name: string): (index: number) => number {
  let key = mix(seed ^ 0x9e3779b9);
  for (let i = 0; i < name.length; i++) key = mix(key ^ name.charCodeAt(i));
  return (index) => {
    const high = mix(mix(index ^ key) + key);
    const low = mix(high ^ 0x85ebca6b);
    return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
  };
}

function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
