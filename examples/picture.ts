// A picture is changed along its gradient until a convolutional net that was never trained sees in it what it sees in another.
import {
  Adam,
  compile,
  constantValue,
  conv2d,
  cosineDecaySchedule,
  heNormal,
  input,
  leakyRelu,
  mean,
  open,
  ParameterSet,
  sigmoid,
  square,
  sub,
  type Tensor,
} from 'webgpu-pose-gan/node';

const SIZE = 24;
/** The parameters of the net stay as they are drawn: no optimiser has them. */
const net = new ParameterSet('features');
/** The picture is a parameter too, so that an optimiser can change it: numbers whose sigmoid is its brightness. */
const canvas = new ParameterSet('canvas');

/** What the net sees in pictures [N, H, W, 1]: [N, H/4, W/4, 32]. */
function features(x: Tensor): Tensor {
  const a = leakyRelu(conv2d(x, net.parameter('a', [4, 4, 1, 16], heNormal(1)), { stride: 2, pad: 1 }));
  return leakyRelu(conv2d(a, net.parameter('b', [4, 4, 16, 32], heNormal(1)), { stride: 2, pad: 1 }));
}

const target = input('target', [1, SIZE, SIZE, 1]);
const picture = sigmoid(canvas.parameter('picture', [1, SIZE, SIZE, 1], constantValue(0)));
const loss = mean(square(sub(features(picture), features(target))));

/** A house, in front of a sky that darkens. */
const house = Float32Array.from({ length: SIZE * SIZE }, (_, i) => {
  const [x, y] = [Math.abs((i % SIZE) - SIZE / 2 + 0.5), Math.floor(i / SIZE)];
  const isRoof = y >= 4 && y < 12 && x < y - 3;
  const isWall = y >= 12 && y < 21 && x < 7;
  const isDoor = y >= 15 && x < 2;
  return isRoof ? 0.95 : isWall && !isDoor ? 0.7 : 0.3 - 0.01 * y;
});

const engine = await open();
const learningRate = cosineDecaySchedule({ initValue: 0.2, decaySteps: 300 });
const update = new Adam(canvas, { learningRate }).minimize(loss);
const plan = await compile(engine, { loss, picture }, { update: [update] });
plan.run({ target: house });
const before = await plan.scalar('loss');
for (let step = 1; step < 300; step++) plan.run();

const found = await plan.read('picture');
const shade = (brightness: number) => ' .:-=+*#%@'[Math.round(9 * brightness)];
const rows = (values: Float32Array) => Array.from(values, shade).join('').match(/.{24}/g) ?? [];
for (const [i, row] of rows(house).entries()) console.log(`${row} | ${rows(found)[i]}`);
const error = found.reduce((sum, v, i) => sum + Math.abs(v - house[i]), 0) / found.length;
console.log(`difference of the features: ${before.toFixed(4)}, then ${(await plan.scalar('loss')).toFixed(6)}`);
console.log(`mean difference of the pictures: ${error.toFixed(3)}`);
