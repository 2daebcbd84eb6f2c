import type { ParameterSet } from '../autograd/parameters.js';
import { channelsOf, type Tensor } from '../autograd/tensor.js';
import { conv2d } from '../kernels/conv2d/conv2d.js';
import { convTranspose2d } from '../kernels/convTranspose2d/convTranspose2d.js';
import { dropoutOfParts } from '../kernels/dropout/dropout.js';
import type { Random } from '../kernels/dropout/random.js';
import { leakyRelu, relu } from '../kernels/elementwise/elementwise.js';
import { instanceNorm } from '../kernels/instanceNorm/instanceNorm.js';
import { padChannels, slice } from '../kernels/slice/slice.js';
import { glorotUniform } from '../nets/initializers.js';
import type { BlockOrder, ModelConfig } from './config.js';

/** The layers of a block of a network. */
export interface BlockOptions {
  readonly kind: 'conv' | 'up';
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  readonly order: BlockOrder;
  readonly slope: number;
  readonly norm: boolean;
  readonly bias: boolean;
  /** Whether there is an activation, before the convolution (order `pre`) or after the norm (order `post`). */
  readonly activation: boolean;
  /** `parts` is the number of batches of which the input consists, one after the other; default 1. */
  readonly dropout?: { readonly random: Random; readonly rate: number; readonly parts?: number };
}

/** The parameters of networks, which the networks share if they are built a second time on the same set. */
export class Parameters {
  constructor(
    readonly set: ParameterSet,
    private readonly seed: number,
  ) {}

  /** A convolution kernel in device layout with Glorot-uniform initial values. */
  kernel(name: string, shape: readonly [number, number, number, number]): Tensor {
    return this.set.parameter(name, shape, glorotUniform(this.seed));
  }
}

function activate(x: Tensor, slope: number): Tensor {
  return slope === 0 ? relu(x) : leakyRelu(x, slope);
}

/**
 * A convolution to an image's three channels computes a fourth with zero weights, which is dropped. Kernels that use vec4
 * take much less time for four channels than other kernels take for three.
 */
function padToFourChannels(
  channels: number,
  w: Tensor,
  bias: Tensor | undefined,
  convolve: (w: Tensor, bias: Tensor | undefined) => Tensor,
): Tensor {
  if (channels !== 3) return convolve(w, bias);
  return slice(convolve(padChannels(w, 0, 4), bias && padChannels(bias, 0, 4)), 0, 3);
}

/** One block: `conv → norm → (dropout) → activation` or `activation → conv → norm → (dropout)` (spec §4). */
export function block(
  parameters: Parameters,
  name: string,
  config: ModelConfig,
  input: Tensor,
  o: BlockOptions,
): Tensor {
  const x = o.order === 'pre' && o.activation ? activate(input, o.slope) : input;
  const from = channelsOf(x.shape);
  const up = o.kind === 'up';
  const w = parameters.kernel(
    `${name}.weight`,
    up ? [o.kernel, o.kernel, o.channels, from] : [o.kernel, o.kernel, from, o.channels],
  );
  const bias = o.bias ? parameters.set.parameter(`${name}.bias`, [o.channels], () => 0) : undefined;
  const convolve = up ? convTranspose2d : conv2d;
  const apply = (w: Tensor, bias: Tensor | undefined) => convolve(x, w, { stride: o.stride, pad: o.pad, bias });
  let y = up ? apply(w, bias) : padToFourChannels(o.channels, w, bias, apply);
  if (o.norm) {
    const shape = config.norm.mode === 'channel' ? [o.channels] : [1];
    const gamma = parameters.set.parameter(`${name}.gamma`, shape, () => 1);
    const beta = parameters.set.parameter(`${name}.beta`, shape, () => 0);
    y = instanceNorm(y, gamma, beta, config.norm);
  }
  if (o.dropout) y = dropoutOfParts(y, o.dropout.random, o.dropout.rate, o.dropout.parts ?? 1);
  return o.order === 'post' && o.activation ? activate(y, o.slope) : y;
}

/** The outputs of all levels of a stack of convolutions, which encoders and the discriminator use. Later convolutions have stride 2. */
export function stack(
  parameters: Parameters,
  name: string,
  config: ModelConfig,
  input: Tensor,
  channels: readonly number[],
  net: ModelConfig['encoderNet'],
  options: { firstStride: 1 | 2; firstPad: number; lastActivation: boolean; dropout?: BlockOptions['dropout'] },
): Tensor[] {
  const levels: Tensor[] = [];
  for (const [i, c] of channels.entries()) {
    const [first, last] = [i === 0, i === channels.length - 1];
    const stride = first ? options.firstStride : 2;
    const norm = first ? net.normFirst : last ? net.normLast : true;
    const x = levels[i - 1] ?? input;
    levels.push(
      block(parameters, `${name}.${i}`, config, x, {
        kind: 'conv',
        channels: c,
        kernel: stride === 1 ? 3 : 4,
        stride,
        pad: first ? options.firstPad : 1,
        order: net.order,
        slope: net.slope,
        norm,
        bias: !norm && (net.bias === 'wherever no norm' || first),
        activation: net.order === 'pre' ? !first : options.lastActivation || !last,
        dropout: first || last ? undefined : options.dropout,
      }),
    );
  }
  return levels;
}
