import { gradients } from '../autograd/gradients.js';
import type { Node, Tensor } from '../autograd/tensor.js';
import { UsageError } from '../gpu/errors.js';
import { Adam } from '../kernels/adam/adam.js';
import { bceWithLogits } from '../kernels/bceWithLogits/bceWithLogits.js';
import { concatBatch, splitBatch } from '../kernels/concat/batch.js';
import { add, scale } from '../kernels/elementwise/elementwise.js';
import { l1 } from '../kernels/l1/l1.js';
import { nearestNeighbourDistance } from '../kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
import { detach } from '../kernels/slice/slice.js';
import { mean } from '../kernels/sum/sum.js';
import type { Parameters } from './blocks.js';
import type { ModelConfig } from './config.js';
import { discriminator, discriminatorInput } from './discriminator.js';
import { type GeneratorInputs, generator } from './generator.js';
import type { Vgg } from './vgg.js';

/** Adam's decay of the first moment (paper, Section 4). */
const BETA1 = 0.5;

/** The graph inputs of one training iteration. */
export interface Batch extends GeneratorInputs {
  /** The real image in the target pose [N, H, W, 3]. */
  readonly target: Tensor;
}

/** A phase of an iteration: the nodes after those of the previous phase, up to `last`. */
export interface Phase {
  readonly name: string;
  readonly last: Node;
}

/** One iteration as a graph: the losses, tensors for inspection, and the two updates in order. */
export interface TrainingStep {
  /** L_D, L_adv and the unweighted reconstruction loss (L_NN, L1 or perceptual). */
  readonly losses: { readonly discriminator: Tensor; readonly adversarial: Tensor; readonly reconstruction: Tensor };
  readonly generated: Tensor;
  readonly logitsReal: Tensor;
  readonly logitsFake: Tensor;
  readonly updates: readonly Node[];
  /** The phases of the iteration in order, for the profile. */
  readonly phases: readonly Phase[];
  /** Gradients of the parameters of D and G, in the order of their sets. */
  readonly gradientsD: readonly Tensor[];
  readonly gradientsG: readonly Tensor[];
  readonly discriminatorAdam: Adam;
  readonly generatorAdam: Adam;
}

/**
 * One D update, then one G update against the updated D (paper, Section 3.3; spec §6), in one graph. The generator runs forward
 * once, because its weights do not change between the two.
 *
 * If several `processes` share the work, each with one part of a batch, the gradients are divided by their number. So the sum of a
 * gradient over all processes is the gradient of the whole batch, because every loss is a mean over images.
 */
export function trainingStep(
  nets: { g: Parameters; d: Parameters; vgg: Vgg | undefined },
  config: ModelConfig,
  batch: Batch,
  processes = 1,
): TrainingStep {
  const { g, d, vgg } = nets;
  const { image: generated } = generator(g, config, batch);
  const discriminate = (x: Tensor, parts: number) => discriminator(d, config, x, batch.random, parts);
  const share = (loss: Tensor) => (processes === 1 ? loss : scale(loss, 1 / processes));

  // L_D = −mean log D(real) − mean log(1 − D(fake)), in which the fake image is a constant. Real and fake images go through D as
  // one batch, which is possible because every image is normalised by itself.
  const real = discriminatorInput({ ...batch, image: batch.target });
  const fake = discriminatorInput({ ...batch, image: detach(generated) });
  const n = real.shape[0] as number;
  const [logitsReal, logitsFake] = splitBatch(discriminate(concatBatch([real, fake]), 2), [n, n]) as [Tensor, Tensor];
  const lossD = add(bceWithLogits(logitsReal, 1), bceWithLogits(logitsFake, 0));
  const discriminatorAdam = new Adam(d.set, { learningRate: config.learningRate, beta1: BETA1 });
  const gradientsD = gradients(share(lossD), d.set.tensors);
  const updateD = discriminatorAdam.apply(gradientsD);

  // L_G = L_adv + λ·L is built after the update, so D is the updated one. L_adv = −mean log D(fake) does not saturate where D is
  // certain, whereas the paper's mean log(1 − D(fake)) does.
  const adversarial = bceWithLogits(discriminate(discriminatorInput({ ...batch, image: generated }), 1), 1);
  const reconstruction = distance(config, vgg, generated, batch.target);
  const lossG = add(adversarial, scale(reconstruction, config.loss.weight));
  const generatorAdam = new Adam(g.set, { learningRate: config.learningRate, beta1: BETA1 });
  const gradientsG = gradients(share(lossG), g.set.tensors);
  const updateG = generatorAdam.apply(gradientsG);

  return {
    losses: { discriminator: lossD, adversarial, reconstruction },
    generated,
    logitsReal,
    logitsFake,
    updates: [updateD, updateG],
    phases: [
      { name: 'generator forward', last: generated.node },
      { name: 'discriminator forward', last: lossD.node },
      { name: 'discriminator backward', last: updateD },
      { name: 'generator losses', last: lossG.node },
      { name: 'generator backward', last: updateG },
    ],
    gradientsD,
    gradientsG,
    discriminatorAdam,
    generatorAdam,
  };
}

/** The reconstruction loss: L_NN (paper, Section 3.3), L1 between images, or L1 between VGG features. */
function distance({ loss }: ModelConfig, vgg: Vgg | undefined, generated: Tensor, real: Tensor): Tensor {
  if (loss.kind === 'l1') return l1(generated, real);
  if (!vgg)
    throw new UsageError(`the loss ${loss.kind} compares features: give vgg, for example new Vgg(filterBank())`);
  if (loss.kind === 'perceptual') return l1(vgg.conv2_1(generated), vgg.conv2_1(real));
  return mean(nearestNeighbourDistance(vgg.conv1_2(generated), vgg.conv1_2(real), { window: loss.window }));
}
