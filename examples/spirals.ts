// A multilayer perceptron learns on which of two spirals a point of the plane lies, and draws what it has learnt.
import {
  Adam,
  compile,
  crossEntropy,
  heNormal,
  input,
  linear,
  open,
  ParameterSet,
  relu,
  type Tensor,
  zeros,
} from 'webgpu-pose-gan/node';

const net = new ParameterSet('spirals');

/** Scores of both spirals [N, 2] for points [N, 2]. Whoever calls it again gets the same parameters. */
function scores(points: Tensor): Tensor {
  const layer = (x: Tensor, name: string, from: number, to: number) =>
    linear(x, net.parameter(`${name}.weight`, [from, to], heNormal(1)), net.parameter(`${name}.bias`, [to], zeros));
  const first = relu(layer(points, 'first', 2, 32));
  const second = relu(layer(first, 'second', 32, 32));
  return layer(second, 'last', 32, 2);
}

/** Point i lies on spiral i % 2, which turns 1.75 times on its way outwards, but for a random step of up to `noise`. */
function spirals(count: number, noise: number): Float32Array {
  return Float32Array.from({ length: 2 * count }, (_, k) => {
    const i = Math.floor(k / 2);
    const angle = 3.5 * Math.PI * (i / count) + Math.PI * (i % 2);
    return (i / count) * (k % 2 ? Math.sin(angle) : Math.cos(angle)) + noise * (2 * Math.random() - 1);
  });
}

const engine = await open();
const loss = crossEntropy(scores(input('points', [400, 2])), input('labels', [400], 'u32'));
const training = await compile(engine, { loss }, { update: [new Adam(net, { learningRate: 0.01 }).minimize(loss)] });
const labels = Uint32Array.from({ length: 400 }, (_, i) => i % 2);
for (let step = 0; step < 500; step++) training.run({ points: spirals(400, 0.02), labels });

// A second plan with the same parameters judges other points: those of a picture of 25 × 40, and 1000 on the spirals.
const judging = await compile(engine, { y: scores(input('points', [1000, 2])) });
async function judge(points: Float32Array): Promise<number[]> {
  judging.run({ points });
  const y = await judging.read('y');
  return Array.from({ length: 1000 }, (_, i) => (y[2 * i] > y[2 * i + 1] ? 0 : 1));
}
const pixel = (i: number) => [(i % 40) / 19.5 - 1, 1 - Math.floor(i / 40) / 12];
const picture = await judge(Float32Array.from({ length: 2000 }, (_, k) => pixel(k >> 1)[k % 2]));
const rows =
  picture
    .map((spiral) => '.#'[spiral])
    .join('')
    .match(/.{40}/g) ?? [];
console.log(rows.join('\n'));
const right = (await judge(spirals(1000, 0))).filter((answer, i) => answer === i % 2).length;
console.log(`${right / 10} % of 1000 points that it has not seen are classified rightly`);
