import type { Engine } from '../../src/gpu/engine.js';
import {
  Batches,
  type ConfigOptions,
  drawnSource,
  drawSynthetic,
  filterBank,
  frameOf,
  fromCheckpoint,
  Generator,
  generateList,
  generatorParameters,
  type Image,
  type Losses,
  modelConfig,
  openDataset,
  PERSON,
  Trainer,
  toCheckpoint,
  Vgg,
} from '../../src/model.js';

/** Node and a page both run these functions in the tests, so that the results can be compared. */

const RECIPE: ConfigOptions = { size: 'small', width: 1 / 8 };
const SEED = 3;
const BATCH = 2;

/** Nine drawn pictures of three people, and the batches of their pairs. */
async function people(): Promise<Batches> {
  const { height, width, geometry } = modelConfig(RECIPE);
  const drawing = { trainIdentities: 3, testIdentities: 0, imagesPerIdentity: 3, height, width, seed: SEED };
  const source = await drawnSource('synth', drawing);
  const dataset = await openDataset(source, { name: 'synth', split: 'train', height, width, skeleton: PERSON });
  return new Batches(dataset, source.decoder, { batch: BATCH, geometry, seed: SEED });
}

/** Returns the losses of the first iterations of a small model, and the checkpoint after them. */
export async function trainSmall(
  engine: Engine,
  iterations: number,
): Promise<{ losses: readonly Losses[]; checkpoint: Uint8Array }> {
  const batches = await people();
  const config = modelConfig(RECIPE);
  const vgg = new Vgg(filterBank());
  const trainer = await Trainer.create(engine, { config, seed: SEED, batch: BATCH, vgg });
  try {
    const losses: Losses[] = [];
    for (let i = 0; i < iterations; i++) {
      trainer.train(await batches.batch(i));
      losses.push(await trainer.losses());
    }
    const info = { config, recipe: RECIPE, skeleton: PERSON, step: trainer.step, seed: SEED };
    const checkpoint = toCheckpoint(trainer.sets, await trainer.state(), { ...info, features: 'filter bank' });
    return { losses, checkpoint };
  } finally {
    trainer.destroy();
    await batches.close();
  }
}

/** Returns the pictures [2, H, W, 3] that the generator of a checkpoint makes for the first batch. */
export async function generateSmall(engine: Engine, checkpoint: Uint8Array): Promise<Float32Array> {
  const from = fromCheckpoint(checkpoint, 'checkpoint.safetensors');
  const options = { set: generatorParameters(from), seed: SEED };
  const generator = await Generator.create(engine, from.info.config, BATCH, options);
  const batches = await people();
  try {
    return await generator.generate(await batches.batch(0));
  } finally {
    generator.destroy();
    await batches.close();
  }
}

/** Returns the picture of the README's example: a drawn person in the pose of another picture of that person. */
export async function generatePerson(engine: Engine, checkpoint: Uint8Array): Promise<Image> {
  const from = fromCheckpoint(checkpoint, 'checkpoint.safetensors');
  const generator = await Generator.create(engine, from.info.config, 1, { set: generatorParameters(from) });
  const draw = (index: number) => drawSynthetic({ seed: 1, identity: 1, index, ...frameOf(from) });
  try {
    const pair = { ...draw(0), target: draw(1).pose };
    for await (const picture of generateList(generator, from.info.skeleton, [pair])) return picture;
    throw new Error('no picture was generated');
  } finally {
    generator.destroy();
  }
}
