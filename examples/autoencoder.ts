// A convolutional autoencoder squeezes pictures of discs, 16 × 16, into 8 numbers each and draws them again from those.
import {
  AdamW,
  compile,
  conv2d,
  convTranspose2d,
  flatten,
  glorotUniform,
  input,
  leakyRelu,
  linear,
  mean,
  open,
  ParameterSet,
  reshape,
  sigmoid,
  square,
  sub,
  type Tensor,
  zeros,
} from 'webgpu-pose-gan/node';

const net = new ParameterSet('autoencoder');
const weight = (name: string, shape: number[]) => net.parameter(`${name}.weight`, shape, glorotUniform(1));
const bias = (name: string, channels: number) => net.parameter(`${name}.bias`, [channels], zeros);

/** Pictures [N, 16, 16, 1] → codes [N, 8] → pictures. Convolutions of stride 2 halve a picture, transposed ones double it. */
function autoencoder(x: Tensor): Tensor {
  const a = leakyRelu(conv2d(x, weight('a', [4, 4, 1, 8]), { stride: 2, pad: 1, bias: bias('a', 8) }));
  const b = leakyRelu(conv2d(a, weight('b', [4, 4, 8, 16]), { stride: 2, pad: 1, bias: bias('b', 16) }));
  const code = linear(flatten(b), weight('code', [256, 8]), bias('code', 8));
  const c = reshape(leakyRelu(linear(code, weight('c', [8, 256]), bias('c', 256))), b.shape);
  const d = leakyRelu(convTranspose2d(c, weight('d', [4, 4, 8, 16]), { stride: 2, pad: 1, bias: bias('d', 8) }));
  return sigmoid(convTranspose2d(d, weight('e', [4, 4, 1, 8]), { stride: 2, pad: 1, bias: bias('e', 1) }));
}

/** Sixteen white discs with soft edges on black, anywhere and of any size. */
function discs(): Float32Array {
  const all = Array.from({ length: 16 }, () => [4 + 8 * Math.random(), 4 + 8 * Math.random(), 2 + 3 * Math.random()]);
  return Float32Array.from({ length: 16 * 256 }, (_, i) => {
    const [x, y, radius] = all[i >> 8];
    return Math.min(1, Math.max(0, radius - Math.hypot((i % 16) - x, ((i >> 4) % 16) - y) + 0.5));
  });
}

const engine = await open();
const x = input('x', [16, 16, 16, 1]);
const y = autoencoder(x);
const loss = mean(square(sub(y, x)));
const plan = await compile(engine, { y, loss }, { update: [new AdamW(net, { learningRate: 5e-3 }).minimize(loss)] });
plan.run({ x: discs() });
const before = await plan.scalar('loss');
for (let step = 1; step < 200; step++) plan.run({ x: discs() });
// A picture of the last batch, and beside it what the net makes of it.
const shade = (brightness: number) => ' .:-=+*#%@'[Math.round(9 * brightness)];
const rows = (values: Float32Array) => Array.from(values.subarray(0, 256), shade).join('').match(/.{16}/g) ?? [];
const drawn = rows(await plan.read('y'));
for (const [i, row] of rows(await plan.read(x)).entries()) console.log(`${row} | ${drawn[i]}`);
console.log(`mean squared error ${before.toFixed(4)}, and after training ${(await plan.scalar('loss')).toFixed(4)}`);
