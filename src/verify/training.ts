import { input } from '../autograd/leaves.js';
import { ParameterSet } from '../autograd/parameters.js';
import type { Tensor, TensorData } from '../autograd/tensor.js';
import { compile } from '../compiler/compile.js';
import type { Engine } from '../gpu/engine.js';
import { hwioToOihw, nchwToNhwc, nhwcToNchw, oihwToHwio } from '../kernels/layout.js';
import { type Nd, nd } from '../kernels/oracle.js';
import type { Comparison, FixtureFile, FixtureReader } from '../kernels/room.js';
import { Parameters } from '../model/blocks.js';
import { type ModelConfig, modelConfig, type Preset } from '../model/config.js';
import { type Batch, trainingStep } from '../model/training.js';
import { Vgg } from '../model/vgg.js';

/** Tolerances of losses (relative) and of gradients (relative to each tensor's largest value). */
const LOSS = 1e-4;
const GRADIENT = 1e-3;
/** After the last iteration at most a share `OUTLIERS` of the parameters may be off by more than `CLOSE`, and none by more than `FURTHEST`. */
const CLOSE = 1e-5;
const FURTHEST = 1e-3;
const OUTLIERS = 1e-3;

const toDevice = (x: Nd): Nd => (x.shape.length === 4 ? oihwToHwio(x) : x);
const fromDevice = (t: Tensor, values: Float32Array): Nd => {
  const x = nd(t.shape, (i) => values[i] as number);
  return x.shape.length === 4 ? hwioToOihw(x) : x;
};

function configOf({ attrs }: FixtureFile): ModelConfig {
  const { preset, config, loss, adam } = attrs as {
    preset: Preset;
    config: { image: [number, number]; joints: number; parts: number; noise: number } & Record<
      'encoder' | 'decoder' | 'discriminator',
      number[]
    >;
    loss: { lambda_nn: number; window: number };
    adam: { lr: number };
  };
  const { image, ...sizes } = config;
  return {
    ...modelConfig({ preset }),
    ...sizes,
    height: image[0],
    width: image[1],
    loss: { kind: 'nearest', weight: loss.lambda_nn, window: loss.window },
    learningRate: adam.lr,
  };
}

/** Packs bitmaps [N, P, H, W] into words [N, H, W] with one bit per part. */
function packMasks(x: Nd): Uint32Array {
  const [n = 0, parts = 0, h = 0, w = 0] = x.shape;
  const bits = new Uint32Array(n * h * w);
  for (let i = 0; i < n; i++)
    for (let p = 0; p < parts; p++)
      for (let k = 0; k < h * w; k++)
        if (x.data[(i * parts + p) * h * w + k]) bits[i * h * w + k] = (bits[i * h * w + k] as number) | (1 << p);
  return bits;
}

/** The reference's batches as values of the graph's inputs. */
function feedsOf(file: FixtureFile, iteration: number): Record<string, TensorData> {
  const at = (name: string) => file.tensor(`batch${iteration}/${name}`);
  const feeds: Record<string, TensorData> = {};
  for (const name of ['xa', 'ha', 'xb', 'hb']) feeds[name] = Float32Array.from(nchwToNhwc(at(name)).data);
  feeds.affine = Float32Array.from(at('affine').data);
  if (at('z').data.length) feeds.z = Float32Array.from(at('z').data);
  for (const s of [0, 1, 2, 3]) feeds[`mask${s}`] = packMasks(at(`mask${s}`));
  return feeds;
}

function batchInputs(config: ModelConfig, n: number): Batch {
  const { height: h, width: w, joints, parts, noise } = config;
  return {
    source: input('xa', [n, h, w, 3]),
    sourceHeat: input('ha', [n, h, w, joints]),
    target: input('xb', [n, h, w, 3]),
    targetHeat: input('hb', [n, h, w, joints]),
    affine: input('affine', [n, parts, 6]),
    masks: [0, 1, 2, 3].map((s) => input(`mask${s}`, [n, h >> s, w >> s], 'u32')),
    noise: noise ? input('z', [n, noise]) : undefined,
  };
}

async function check(engine: Engine, file: FixtureFile): Promise<Record<string, Comparison>> {
  const config = configOf(file);
  const n = file.tensor('batch0/xa').shape[0] as number;
  const g = new Parameters(new ParameterSet('generator'), 0);
  const d = new Parameters(new ParameterSet('discriminator'), 0);
  const vggNames = file.names.filter((k) => k.startsWith('vgg/'));
  const vgg = new Vgg(new Map(vggNames.map((k) => [k.slice(4), Float32Array.from(toDevice(file.tensor(k)).data)])));
  const step = trainingStep({ g, d, vgg }, config, batchInputs(config, n));
  const gradients = [...step.gradientsD, ...step.gradientsG];
  const outputs = { ...step.losses, generated: step.generated, real: step.logitsReal, fake: step.logitsFake };
  const plan = await compile(engine, outputs, { update: step.updates, retain: gradients });
  for (const set of [g.set, d.set])
    set.write(engine, new Map(set.names.map((k) => [k, Float32Array.from(toDevice(file.tensor(`init/${k}`)).data)])));

  const results: Record<string, Comparison> = {};
  const losses = file.tensor('losses');
  const [iterations = 0, columns = 0] = losses.shape;
  for (let i = 0; i < iterations; i++) {
    plan.run(feedsOf(file, i));
    for (const [k, name] of (['discriminator', 'adversarial', 'reconstruction'] as const).entries()) {
      const want = losses.data[i * columns + k] as number;
      results[`losses[${i}] ${name}`] = { got: [await plan.scalar(name)], want: [want], tolerance: LOSS };
    }
    if (i > 0) continue;
    for (const [name, key] of [
      ['generated', 'generated'],
      ['real', 'logits_real'],
      ['fake', 'logits_fake'],
    ] as const) {
      const t = outputs[name];
      const got = nhwcToNchw(
        nd(
          t.shape,
          (
            (v) => (j: number) =>
              v[j] as number
          )(await plan.read(t)),
        ),
      );
      results[key] = { got: got.data, want: file.tensor(`step0/${key}`).data };
    }
    const names = [...d.set.names.map((k) => `grad_d/${k}`), ...g.set.names.map((k) => `grad_g/${k}`)];
    for (const [j, key] of names.entries()) {
      const t = gradients[j] as Tensor;
      results[key] = {
        got: fromDevice(t, await plan.read(t)).data,
        want: file.tensor(`step0/${key}`).data,
        tolerance: GRADIENT,
      };
    }
  }
  Object.assign(results, await compareFinal(engine, file, [g.set, d.set]));
  plan.destroy();
  return results;
}

async function compareFinal(
  engine: Engine,
  file: FixtureFile,
  sets: readonly ParameterSet[],
): Promise<Record<string, Comparison>> {
  let count = 0;
  let outliers = 0;
  let furthest = 0;
  for (const set of sets) {
    for (const [name, values] of await set.read(engine)) {
      const got = fromDevice(set.get(name), values).data;
      const want = file.tensor(`final/${name}`).data;
      for (const [k, w] of want.entries()) {
        const off = Math.abs((got[k] as number) - w);
        count++;
        if (!(off <= CLOSE)) outliers++;
        if (!(off <= furthest)) furthest = off;
      }
    }
  }
  return {
    'final parameters off by more than 1e-5': { error: outliers / count, limit: OUTLIERS },
    'furthest final parameter': { error: furthest, limit: FURTHEST },
  };
}

/** Checks losses, images, logits, gradients and parameters of two whole iterations of a narrow model without dropout. */
export const training: FixtureReader = (file) => ({ check: (engine) => check(engine, file) });
