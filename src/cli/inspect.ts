import type { DatasetImage } from '../data/dataset.js';
import { toTensor } from '../data/image.js';
import type { Pair } from '../data/pairs.js';
import { UsageError } from '../gpu/errors.js';
import { inspectPair } from '../model/inspection.js';
import { inspectionSheet } from '../model/inspection-sheet.js';
import { frameOf, generatorParameters, pairData } from '../model/pairs.js';
import { Vgg } from '../model/vgg.js';
import { loadCheckpoint } from '../node/checkpoint-files.js';
import { writeFileAtomic } from '../node/files.js';
import { fittedImage } from '../node/generation.js';
import { encodePng } from '../node/images.js';
import { loadFeatures } from '../node/weights.js';
import { open } from '../node.js';
import { partTransforms } from '../pose/geometry.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { Command, Values } from './command.js';
import { chosenModel, MODEL_HELP, MODEL_OPTIONS, selectedPairs } from './selection.js';
import { say, sayJson } from './terminal.js';
import { noMore, requiredOutput, text } from './values.js';

/** The model to inspect: that of a checkpoint, or that of a preset without weights. */
function modelOf(values: Values) {
  const path = text(values, 'checkpoint');
  if (path) {
    for (const option of ['preset', 'size', 'skeleton'])
      if (text(values, option)) throw new UsageError(`--${option} is given by the checkpoint; leave it out`);
    const checkpoint = loadCheckpoint(path);
    const { config, skeleton, features } = checkpoint.info;
    return { config, skeleton, frame: frameOf(checkpoint), features, generator: generatorParameters(checkpoint) };
  }
  const { config, skeleton } = chosenModel(values);
  const frame = { height: config.height, width: config.width, skeleton };
  return { config, skeleton, frame, features: undefined, generator: undefined };
}

/** The pair to inspect: that of `--pair`, or else the first of the dataset. */
async function pairOf(values: Values, frame: { height: number; width: number; skeleton: Skeleton }) {
  const given = text(values, 'pair');
  const names = given?.split(',').map((n) => n.trim());
  if (names && (names.length !== 2 || !names.every(Boolean)))
    throw new UsageError(`--pair must be two image names with a comma between, got "${given}"`);
  const dataset = await selectedPairs(values, frame, names ? { pairs: [names as unknown as Pair] } : { limit: 1 });
  const [from, to] = [...dataset.pairs].map((i) => dataset.images[i] as DatasetImage);
  return [from, to] as [DatasetImage, DatasetImage];
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const out = requiredOutput(values, 'out', 'file');
  const { config, skeleton, frame, features: trained, generator } = modelOf(values);
  const [from, to] = await pairOf(values, frame);
  const [source, target] = [fittedImage(from.path, frame), fittedImage(to.path, frame)];
  const [sourcePose, targetPose] = [from.pose, to.pose];
  const { kind, weights } = loadFeatures(config, trained === 'filter bank' ? 'bank' : undefined);
  const data = {
    ...pairData(config, skeleton, [{ image: source, pose: sourcePose, target: targetPose }]),
    target: toTensor(target),
  };
  const engine = await open({ adapter: text(values, 'adapter') });
  try {
    const found = await inspectPair(engine, { config, data, generator, vgg: weights && new Vgg(weights) });
    const features = kind === 'none' ? 'RGB values' : kind === 'vgg19' ? 'VGG-19 conv1_2' : 'the filter bank';
    const transforms = partTransforms(config.geometry, skeleton, sourcePose, targetPose);
    const pair = { source, target, sourcePose, targetPose, transforms, features };
    writeFileAtomic(out, encodePng(inspectionSheet(found, pair, config, skeleton)));
    const distance = found.nearest?.distance ?? new Float32Array();
    const mean = distance.reduce((a, b) => a + b, 0) / distance.length;
    if (values.json) sayJson({ out, from: from.name, to: to.name, features: kind, meanDistance: mean });
    else say(`${from.name} → ${to.name}: ${out}`);
    return 0;
  } finally {
    engine.device.destroy();
  }
}

export const inspect: Command = {
  name: 'inspect',
  summary:
    'draws what the model sees of one pair: heat maps, parts, masks, warped layers, winners and nearest neighbours',
  usage: '[--checkpoint FILE|RUN] --data FOLDER --name D [--pair FROM,TO] --out FILE.png',
  options: {
    checkpoint: { type: 'string' },
    data: { type: 'string' },
    name: { type: 'string' },
    split: { type: 'string' },
    pair: { type: 'string' },
    out: { type: 'string' },
    preset: MODEL_OPTIONS.preset,
    size: MODEL_OPTIONS.size,
    skeleton: MODEL_OPTIONS.skeleton,
    resize: { type: 'boolean' },
  },
  help: {
    checkpoint: 'a checkpoint or run, whose generated image is shown, and the parts that win among its features',
    data: 'the data folder',
    name: 'the name of the dataset in it',
    split: 'train or test (default)',
    pair: 'the names of the source and the target image (default: the first pair)',
    out: 'the PNG to write',
    preset: `without a checkpoint, the preset for the geometry: ${MODEL_HELP.preset}`,
    size: `without a checkpoint: ${MODEL_HELP.size}`,
    skeleton: `without a checkpoint: ${MODEL_HELP.skeleton}`,
    resize: 'resize images of another size to that of the model, joints included',
  },
  examples: [
    'pose-gan inspect --data data --name synth --out inspect.png',
    'pose-gan inspect --checkpoint runs/first --data data --name synth --pair 001_1.png,001_2.png --out inspect.png',
  ],
  run,
};
