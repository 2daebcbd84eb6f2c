import naiveCode from '../../../shaders/convTranspose2d/naive.wgsl?raw';
import registersCode from '../../../shaders/convTranspose2d/registers.wgsl?raw';
import scalarCode from '../../../shaders/convTranspose2d/scalar.wgsl?raw';
import subgroupCode from '../../../shaders/convTranspose2d/subgroup.wgsl?raw';
import tiledCode from '../../../shaders/convTranspose2d/tiled.wgsl?raw';
import { applyOne, arg, type Call, grid, type Op, type Variant, vec4Ready } from '../../autograd/op.js';
import { expectShape, formatShape, nhwc, type Tensor } from '../../autograd/tensor.js';
import { ShapeError } from '../../gpu/errors.js';
import { shader } from '../../gpu/shader.js';
import { biasGradient } from '../conv2d/biasGradient.js';
import { conv2d } from '../conv2d/conv2d.js';
import { conv2dWeightGradient } from '../conv2d/conv2dWeightGradient.js';
import {
  type ConvAttrs,
  type ConvOptions,
  convAttrs,
  convCost,
  convParams,
  pair,
  transposedSize,
} from '../conv2d/convolution.js';
import { rejectsSubgroups, writtenOut } from '../conv2d/subgroup.js';
import { tiledVariants } from '../conv2d/tiles.js';

export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added below and on the right, less than the stride, or [vertical, horizontal]; 0 when absent. */
  outputPad?: number | readonly [number, number];
}

export interface ConvTransposeAttrs extends ConvAttrs {
  readonly outputPad: readonly [number, number];
}

const naive = shader('convTranspose2d/naive', naiveCode);
const scalar = shader('convTranspose2d/scalar', scalarCode);
const registers = shader('convTranspose2d/registers', registersCode);
const subgroup = writtenOut('convTranspose2d/subgroup', subgroupCode);

/** Output pixels of one phase, and number of phases. */
function phases(call: Call<ConvTransposeAttrs>): { pixels: number; count: number } {
  const [N = 0, Ho = 0, Wo = 0] = arg(call, 'y').shape;
  const [sh, sw] = call.attrs.stride;
  return { pixels: N * Math.ceil(Ho / sh) * Math.ceil(Wo / sw), count: sh * sw };
}

const tiled = tiledVariants<ConvTransposeAttrs>({
  op: 'convTranspose2d',
  code: tiledCode,
  product: (call) => {
    const [KH = 0, KW = 0] = arg(call, 'w').shape;
    const [sh, sw] = call.attrs.stride;
    const { pixels, count } = phases(call);
    // Terms of the phase that has most.
    const steps = Math.ceil(KH / sh) * Math.ceil(KW / sw) * Math.ceil(arg(call, 'x').channels / 8);
    return { rows: pixels, columns: arg(call, 'y').channels, steps, copies: count };
  },
  scalar: ({ arg: { x, w, y, bias } }) => [
    ...(vec4Ready(x, w) ? [] : ['x', 'w']),
    ...(vec4Ready(y, bias) ? [] : ['bias', 'y']),
  ],
});

/** The kernel for subgroups with a tile of 32 pixels of a phase × so many output channels. */
const subgroupVariant = (
  columns: number,
  avoid: (call: Call<ConvTransposeAttrs>) => boolean,
): Variant<ConvTransposeAttrs> => ({
  name: `subgroup32x${columns}`,
  rejects: (call) =>
    rejectsSubgroups(call.device) ||
    (!vec4Ready(call.arg.x, call.arg.w) && 'channels, stride and offset of x must be multiples of 4') ||
    (phases(call).count > 65535 && 'too many phases'),
  avoid: (call) => !call.device.software || avoid(call),
  launch: (call) => {
    const { pixels, count } = phases(call);
    const LANES = call.device.subgroupSize;
    const kernel = subgroup({ LANES, ROWS: 32, QUADS: columns / (4 * LANES) });
    const [across, down] = grid(Math.ceil(pixels / 32) * Math.ceil(arg(call, 'y').channels / columns), 1);
    return { dispatches: [{ shader: kernel, params: convParams(call), workgroups: [across, down, count] }] };
  },
});

export const convTranspose2dOp: Op<ConvTransposeAttrs> = {
  name: 'convTranspose2d',
  args: ['x', 'w', 'bias?'],
  results: ['y'],
  epilogue: 'y',
  unrolled: true,
  strided: ['x', 'y'],
  infer: ([x, w, bias], attrs) => {
    const op = 'convTranspose2d';
    const [N, H, W, C] = nhwc(op, 'x', x as Tensor);
    const { shape } = w as Tensor;
    const image = formatShape([N, H, W, C]);
    const [KH, KW, O] = shape;
    if (shape.length !== 4 || KH === undefined || KW === undefined || O === undefined)
      throw new ShapeError(
        op,
        `w must be [kernel height, kernel width, out, in] for x ${image}, got ${formatShape(shape)}`,
      );
    expectShape(op, 'w', w as Tensor, [KH, KW, O, C], `input channels of x ${image}`);
    if (bias) expectShape(op, 'bias', bias, [O], `output channels of w ${formatShape(shape)}`);
    const [height, width] = transposedSize([H, W], [KH, KW], attrs);
    const size = [height + attrs.outputPad[0], width + attrs.outputPad[1]];
    if (size.some((d) => d < 1))
      throw new ShapeError(
        op,
        `x ${image} and w ${formatShape(shape)} with pad ${formatShape(attrs.pad)} leave ${size.join(' × ')} pixels`,
      );
    return [{ shape: [N, ...size, O], dtype: 'f32' }];
  },
  // y[h·s + u − top] += x[h] · w[u], from b
  //   ⇒  gx[h] = Σ_u gy[h·s + u − top] · w[u],  gw[u] = Σ_h gy[h·s + u − top] · x[h],  gb = Σ_i gy[i]
  gradient: (node, [gy], needs) => {
    if (!gy) return [];
    const [x, w] = node.inputs as [Tensor, Tensor];
    const { stride, pad } = node.attrs as ConvTransposeAttrs;
    return [
      needs[0] ? conv2d(gy, w, { stride, pad }) : undefined,
      needs[1] ? conv2dWeightGradient(gy, x, w.shape.slice(0, 2), { stride, pad }) : undefined,
      needs[2] ? biasGradient(gy) : undefined,
    ];
  },
  variants: [
    ...tiled,
    subgroupVariant(64, (call) => arg(call, 'y').channels <= 32),
    subgroupVariant(32, () => false),
    {
      name: 'registers',
      rejects: (call) =>
        (!vec4Ready(call.arg.x, call.arg.w) && 'channels, stride and offset of x must be multiples of 4') ||
        (phases(call).count > 65535 && 'too many phases'),
      launch: (call) => {
        const { pixels, count } = phases(call);
        const [across, down] = grid(Math.ceil(pixels / 8) * Math.ceil(arg(call, 'y').channels / 8), 32);
        return { dispatches: [{ shader: registers, params: convParams(call), workgroups: [across, down, count] }] };
      },
    },
    {
      name: 'scalar',
      rejects: (call) => phases(call).count > 65535 && 'too many phases',
      launch: (call) => {
        const { pixels, count } = phases(call);
        const [across, down] = grid(Math.ceil(pixels / 8) * Math.ceil(arg(call, 'y').channels / 4), 32);
        return { dispatches: [{ shader: scalar, params: convParams(call), workgroups: [across, down, count] }] };
      },
    },
    {
      name: 'naive',
      launch: (call) => {
        const { rows, channels } = arg(call, 'y');
        return { dispatches: [{ shader: naive, params: convParams(call), workgroups: grid(rows * channels, 64) }] };
      },
    },
  ],
  cost: (call) => convCost(call, 'x'),
};

/**
 * Transposed convolution, the adjoint of `conv2d`: every pixel x[n, h, l] adds x · w[u, v] to
 * y[n, h·sh + u − top, l·sw + v − left], which starts from the bias; what falls outside is cut off.
 *
 * x [N, H, W, Cin], w [KH, KW, Cout, Cin] (PyTorch's IOHW permuted by 2, 3, 1, 0), bias [Cout]; the result is
 * [N, Ho, Wo, Cout] with Ho = (H − 1)·sh − top − bottom + KH + outputPad. Throws `ShapeError` when shapes disagree, the
 * output padding is not less than the stride, or nothing is left.
 *
 * The decoder blocks of the paper (Siarohin et al. 2018, §4): 4×4 stride 2 pad 1, which doubles the size.
 */
export function convTranspose2d(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const op = 'convTranspose2d';
  const attrs = convAttrs(op, options);
  const outputPad = pair(op, 'outputPad', options.outputPad ?? 0, 0);
  if (outputPad.some((p, axis) => p >= (attrs.stride[axis] as number)))
    throw new ShapeError(op, `outputPad [${outputPad}] must be less than stride [${attrs.stride}]`);
  return applyOne(convTranspose2dOp, [x, w, options.bias], { ...attrs, outputPad });
}
