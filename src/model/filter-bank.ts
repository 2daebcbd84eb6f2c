import { checked } from '../gpu/arguments.js';

/**
 * Features that need no download: a bank of fixed filters with the layers of VGG-19's beginning (two 3×3 convolutions with
 * ReLU and 64 channels each, then a third with 128), so that `Vgg` takes either. All filters are defined here; nothing is
 * trained or random. The input is v − mean in BGR (spec §6), with values of a few dozen. The gains of conv1_2
 * make L_NN about as large as with VGG-19, so that λ = 0.01 fits.
 *
 * ReLU keeps only one sign, so every signed quantity has two channels, one for each sign (± below).
 *
 * | channels | conv1_1 | conv1_2 |
 * |---|---|---|
 * | 0–5 | grey, red−green, blue−yellow of the pixel, ± | the same, amplified |
 * | 6–11 | the same three, 3×3 Gaussian, ± | 5×5 Gaussian |
 * | 12–27 | edges of grey: derivative in 8 directions over 180°, ± | summed along the edge, minus the edge across |
 * | 28–43 | edges of red−green and blue−yellow in 4 directions each, ± | the same |
 * | 44–51 | lines of grey: second derivative in 4 directions, ± | summed along the line, minus the line across |
 * | 52–57 | blobs: Laplacian of grey, red−green, blue−yellow, ± | 3×3 Gaussian |
 * | 58–61 | grey above +30 and +80, below −30 and −80 | corners: edges that meet from two sides, in 4 rotations |
 * | 62–63 | checks: the product of second differences, ± | 3×3 Gaussian |
 *
 * conv2_1 (after the pool) has in channels 0–63 the 3×3 Gaussian of each feature, and in 64–127 its difference from its
 * surroundings.
 */

type Kernel = readonly number[];
/** The weights of B, G, R. */
type Colour = readonly [number, number, number];

const GREY: Colour = [1 / 3, 1 / 3, 1 / 3];
const RED_GREEN: Colour = [0, -1, 1];
const BLUE_YELLOW: Colour = [1, -1 / 2, -1 / 2];
const COLOURS = [GREY, RED_GREEN, BLUE_YELLOW];

const PIXEL: Kernel = [0, 0, 0, 0, 1, 0, 0, 0, 0];
const GAUSS: Kernel = [1, 2, 1, 2, 4, 2, 1, 2, 1].map((v) => v / 16);
const LAPLACE: Kernel = [1, 2, 1, 2, -12, 2, 1, 2, 1].map((v) => -v / 12);
const CHECKS: Kernel = [1, -2, 1, -2, 4, -2, 1, -2, 1].map((v) => v / 8);

const taps = (f: (dx: number, dy: number) => number): Kernel =>
  Array.from({ length: 9 }, (_, t) => f((t % 3) - 1, Math.floor(t / 3) - 1));
const dot = (a: Kernel, b: Kernel) => a.reduce((s, v, i) => s + v * (b[i] as number), 0);

/** The first derivative in the direction of `angle` (steered Sobel filter): cos·∂x + sin·∂y. */
const edge = (angle: number): Kernel =>
  taps((dx, dy) => (Math.cos(angle) * dx * (2 - Math.abs(dy)) + Math.sin(angle) * dy * (2 - Math.abs(dx))) / 8);

/**
 * The negative second derivative in the direction of `angle`, cos²·∂xx + 2·cos·sin·∂xy + sin²·∂yy, which is positive on a
 * bright line across that direction.
 */
function line(angle: number): Kernel {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const second = (d: number) => (d === 0 ? -2 : 1);
  const smooth = (d: number) => (d === 0 ? 2 : 1);
  return taps(
    (dx, dy) => -(c * c * second(dx) * smooth(dy) + s * s * second(dy) * smooth(dx) + 2 * c * s * dx * dy) / 8,
  );
}

/**
 * The gains of the groups of conv1_2. They are chosen so that L_NN rates simple changes of drawn people (64×32) about as it does with
 * VGG-19's features: a flat grey 4,158 (VGG 4,258), a blur of 7×7 pixels 2,579 (2,851), another pose of the same person 6,349 (5,856).
 * Larger gains of edges make a blur, which has the right colours at the right places, hardly better than a flat grey.
 */
const GAIN = { pixel: 16, blurred: 18, edge: 12, colourEdge: 40, line: 15, blob: 20, corner: 12, check: 27 };

/** The weights [3, 3, from, to] of a convolution in device layout, and its bias. */
class Layer {
  readonly weight: Float32Array;
  readonly bias: Float32Array;

  constructor(
    readonly from: number,
    readonly to: number,
  ) {
    this.weight = new Float32Array(9 * from * to);
    this.bias = new Float32Array(to);
  }

  /** Adds `gain`·kernel from channel `from` to channel `to`. */
  add(to: number, from: number, kernel: Kernel, gain = 1): void {
    for (const [t, v] of kernel.entries()) {
      const at = (t * this.from + from) * this.to + to;
      this.weight[at] = (this.weight[at] as number) + gain * v;
    }
  }

  /** Adds both signs of a kernel on a colour to channels `to` and `to + 1`. */
  addColour(to: number, colour: Colour, kernel: Kernel): void {
    for (const [c, share] of colour.entries()) {
      this.add(to, c, kernel, share);
      this.add(to + 1, c, kernel, -share);
    }
  }
}

/** The angle of direction i of n over 180°. */
const direction = (i: number, n: number) => (Math.PI * i) / n;

function first(): Layer {
  const layer = new Layer(3, 64);
  for (const [i, colour] of COLOURS.entries()) {
    layer.addColour(2 * i, colour, PIXEL);
    layer.addColour(6 + 2 * i, colour, GAUSS);
    layer.addColour(52 + 2 * i, colour, LAPLACE);
  }
  for (let i = 0; i < 8; i++) layer.addColour(12 + 2 * i, GREY, edge(direction(i, 8)));
  for (let i = 0; i < 4; i++) {
    layer.addColour(28 + 2 * i, RED_GREEN, edge(direction(i, 4)));
    layer.addColour(36 + 2 * i, BLUE_YELLOW, edge(direction(i, 4)));
    layer.addColour(44 + 2 * i, GREY, line(direction(i, 4)));
  }
  for (const [i, level] of [30, 80].entries()) {
    for (const [sign, at] of [
      [1, 58 + i],
      [-1, 60 + i],
    ] as const) {
      for (const [c, share] of GREY.entries()) layer.add(at, c, PIXEL, sign * share);
      layer.bias[at] = -level;
    }
  }
  layer.addColour(62, GREY, CHECKS);
  return layer;
}

/** Weights with the sum 1 that average a feature along the line perpendicular to `angle`. */
function along(angle: number): Kernel {
  const [x, y] = [-Math.sin(angle), Math.cos(angle)];
  const weights = taps((dx, dy) => Math.exp(-2 * (dx * y - dy * x) ** 2 - 0.5 * (dx * x + dy * y) ** 2));
  const sum = dot(
    weights,
    weights.map(() => 1),
  );
  return weights.map((w) => w / sum);
}

/** Averages oriented channels from `at` on along their lines, and subtracts half of the perpendicular direction's channels. */
function averageAlong(layer: Layer, at: number, directions: number, gain: number): void {
  for (let i = 0; i < directions; i++) {
    const across = at + 2 * ((i + directions / 2) % directions);
    for (const sign of [0, 1]) {
      const to = at + 2 * i + sign;
      layer.add(to, to, along(direction(i, directions)), gain);
      for (const other of [0, 1]) layer.add(to, across + other, GAUSS, -gain / 4);
    }
  }
}

function second(): Layer {
  const layer = new Layer(64, 64);
  for (let i = 0; i < 6; i++) {
    layer.add(i, i, PIXEL, GAIN.pixel);
    layer.add(6 + i, 6 + i, GAUSS, GAIN.blurred);
    layer.add(52 + i, 52 + i, GAUSS, GAIN.blob);
  }
  averageAlong(layer, 12, 8, GAIN.edge);
  averageAlong(layer, 28, 4, GAIN.colourEdge);
  averageAlong(layer, 36, 4, GAIN.colourEdge);
  averageAlong(layer, 44, 4, GAIN.line);
  // A corner has a horizontal edge on one side and a vertical one below or above, and neither on the opposite side.
  for (const [i, [x, y]] of [
    [1, 1],
    [-1, 1],
    [-1, -1],
    [1, -1],
  ].entries()) {
    const right = taps((dx, dy) => (dy === 0 ? dx * (x as number) : 0));
    const below = taps((dx, dy) => (dx === 0 ? dy * (y as number) : 0));
    // Channels 12 and 13 are derivatives along x, so vertical edges; 20 and 21 are derivatives along y, so horizontal edges.
    for (const sign of [0, 1]) {
      layer.add(58 + i, 20 + sign, right, GAIN.corner);
      layer.add(58 + i, 12 + sign, below, GAIN.corner);
    }
  }
  for (const i of [62, 63]) layer.add(i, i, GAUSS, GAIN.check);
  // The extreme values of grey are added to the channels of grey itself.
  for (const level of [58, 59]) layer.add(0, level, PIXEL, GAIN.pixel / 2);
  for (const level of [60, 61]) layer.add(1, level, PIXEL, GAIN.pixel / 2);
  return layer;
}

function third(): Layer {
  const layer = new Layer(64, 128);
  const surround = taps((dx, dy) => (dx || dy ? -1 / 8 : 1));
  for (let i = 0; i < 64; i++) {
    layer.add(i, i, GAUSS);
    layer.add(64 + i, i, surround);
  }
  return layer;
}

/**
 * The weights of the filter bank in device layout under VGG's names, for `new Vgg(filterBank())`. They are constants.
 */
export function filterBank(...args: []): Map<string, Float32Array> {
  checked('filterBank', {}, args);
  const layers = { conv1_1: first(), conv1_2: second(), conv2_1: third() };
  return new Map(
    Object.entries(layers).flatMap(([name, { weight, bias }]): [string, Float32Array][] => [
      [`${name}.weight`, weight],
      [`${name}.bias`, bias],
    ]),
  );
}
