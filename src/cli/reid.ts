import { join } from 'node:path';
import type { ParameterSet } from '../autograd/parameters.js';
import { formatTrainList, type LabelledFile } from '../data/reid.js';
import { UsageError } from '../gpu/errors.js';
import { frameOf, generatorParameters } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { loadCheckpoint } from '../node/checkpoint-files.js';
import { datasetPaths } from '../node/dataset.js';
import { digestOf, filesDigest } from '../node/digest.js';
import { readBytes, statOf, writeFileAtomic } from '../node/files.js';
import { generateBatches } from '../node/generation.js';
import { Loader } from '../node/loader.js';
import { beginPart, completePart } from '../node/part-folders.js';
import { nameOf, newPart, type Shard } from '../node/parts.js';
import { type Augmentation, encodedPicture, isComplete, planReid } from '../node/reid.js';
import { beginWhole, expectOwnFolder, joinReid, writeList } from '../node/reid-folder.js';
import { open } from '../node.js';
import type { Command, Values } from './command.js';
import { modelWork } from './part-work.js';
import { progress } from './progress.js';
import { isMerge, rangeOf, shardOf } from './shard.js';
import { note, say, sayJson } from './terminal.js';
import { noMore, required, requiredOutput, text, whole } from './values.js';

/** The paper generates two pictures for each training image. */
const POSES = 2;
const QUALITY = 95;
const MAX_QUALITY = 100;

type Checkpoint = ReturnType<typeof loadCheckpoint>;

function endingOf(values: Values): '.jpg' | '.png' | undefined {
  const format = text(values, 'format');
  if (format !== undefined && format !== 'jpg' && format !== 'png')
    throw new UsageError(`--format must be jpg or png, got "${format}"`);
  return format && `.${format}`;
}

/** The options that decide what is written, beside the checkpoint and the dataset. */
function settingsOf(values: Values, batch: number) {
  const quality = whole(values, 'quality', QUALITY, 1);
  if (quality > MAX_QUALITY) throw new UsageError(`--quality must be at most ${MAX_QUALITY}, got ${quality}`);
  const ending = endingOf(values);
  return {
    ...{
      poses: whole(values, 'poses', POSES, 1),
      seed: whole(values, 'seed', 0),
      batch: whole(values, 'batch', batch, 1),
    },
    ...{ quality, ...(ending && { ending }), prefix: text(values, 'prefix') ?? '' },
    originals: values['only-generated'] !== true,
  };
}
type Settings = ReturnType<typeof settingsOf>;

async function planned(
  values: Values,
  checkpoint: Checkpoint,
  { poses, seed, ending }: Settings,
): Promise<Augmentation> {
  const identity = text(values, 'identity');
  let bar: ReturnType<typeof progress> | undefined;
  try {
    return await planReid({
      ...{ folder: required(values, 'data'), name: required(values, 'name'), ...frameOf(checkpoint) },
      ...{ resize: values.resize === true, skipBad: values['skip-bad'] === true },
      ...{ poses, seed, ...(ending && { ending }) },
      ...(identity !== undefined && { identity }),
      onProgress: (done, total) => {
        bar ??= progress('checking images', total, { unit: 'images' });
        bar.update(done);
      },
    });
  } finally {
    bar?.end();
  }
}

/** Everything on which the written files depend, so that parts of different augmentations are never joined. */
function workOf(checkpoint: Checkpoint, plan: Augmentation, { poses, ending, ...settings }: Settings) {
  const posed = new Set(plan.dataset.images.map(({ name }) => name));
  const others = plan.originals.filter(({ file }) => !posed.has(file));
  return {
    ...modelWork(checkpoint, plan.dataset),
    'images without a pose': filesDigest(others.map(({ path }) => path)),
    labels: digestOf(JSON.stringify(plan.originals.map(({ file, label }) => [file, label]))),
    ...{ 'poses for each image': poses, format: ending ?? null, ...settings },
  };
}

/** What one process writes: some of the originals, and the pictures of some whole batches, on whose places the noise depends. */
function shareOf({ generated, originals }: Augmentation, settings: Settings, shard: Shard = { index: 1, count: 1 }) {
  const { batch } = settings;
  const all = Array.from({ length: Math.ceil(generated.length / batch) }, (_, s) => s);
  const steps = rangeOf(all, shard);
  const copies = settings.originals ? rangeOf(originals, shard) : [];
  const made = steps.flatMap((s) => generated.slice(s * batch, (s + 1) * batch));
  const files = [...copies, ...made].map(({ file, label }): LabelledFile => ({ file, label }));
  return { steps, copies, made, files };
}
type Share = ReturnType<typeof shareOf>;

/** Copies originals that are not in the folder yet. Returns how many. */
function copyOriginals(out: string, { copies }: Share, overwrite: boolean): number {
  const missing = copies.filter(({ file, path }) => overwrite || statOf(join(out, file))?.size !== statOf(path)?.size);
  const bar = progress('copying', missing.length, { unit: 'images' });
  for (const [i, { file, path }] of missing.entries()) {
    writeFileAtomic(join(out, file), readBytes(path, 'image'), { sync: false, followLink: false });
    bar.update(i + 1);
  }
  bar.end();
  return missing.length;
}

interface Making {
  readonly checkpoint: Checkpoint;
  readonly set: ParameterSet;
  readonly adapter: string | undefined;
  readonly overwrite: boolean;
}

/** Generates the pictures of a share that are not in the folder yet. Returns how many. */
async function generateShare(
  out: string,
  { dataset, generated }: Augmentation,
  { steps, made }: Share,
  { batch, seed, quality }: Settings,
  { checkpoint, set, adapter, overwrite }: Making,
): Promise<number> {
  const missing = new Set(made.flatMap(({ file }) => (overwrite || !isComplete(join(out, file)) ? file : [])));
  if (!missing.size) return 0;
  const { config } = checkpoint.info;
  const needed = steps.filter((s) => generated.slice(s * batch, (s + 1) * batch).some(({ file }) => missing.has(file)));
  const engine = await open({ adapter });
  const loader = new Loader(dataset, { batch, geometry: config.geometry, shuffle: false });
  const bar = progress('generating', missing.size, { unit: 'images' });
  let done = 0;
  try {
    const net = await Generator.create(engine, config, batch, { set, seed });
    for await (const { batch: b, images } of generateBatches(net, loader, needed))
      for (let i = 0; i < batch; i++) {
        // The last batch is filled up with the first pairs, which have no file here.
        const file = generated[b.step * batch + i]?.file;
        if (file === undefined || !missing.has(file)) continue;
        const bytes = encodedPicture(images, i, dataset, file, quality);
        writeFileAtomic(join(out, file), bytes, { sync: false, followLink: false });
        bar.update(++done);
      }
  } finally {
    bar.end();
    await loader.close();
    engine.device.destroy();
  }
  return missing.size;
}

async function run(values: Values, positionals: string[]): Promise<number> {
  if (isMerge(values, ['out'])) return merge(values, positionals);
  noMore(positionals);
  const shard = shardOf(values);
  const checkpoint = loadCheckpoint(required(values, 'checkpoint'));
  const { path, info } = checkpoint;
  const settings = settingsOf(values, info.config.batch);
  const set = generatorParameters(checkpoint);
  const out = requiredOutput(values, 'out', 'folder');
  const { images } = datasetPaths(required(values, 'data'), required(values, 'name'), 'train');
  expectOwnFolder(out, shard !== undefined, images);
  const plan = await planned(values, checkpoint, settings);
  const share = shareOf(plan, settings, shard);
  // Names that the list cannot hold are refused before anything is written.
  formatTrainList(share.files, settings.prefix);
  if (plan.anonymous) note(`${plan.anonymous} images show no identity, such as junk and distractors, and are left out`);
  for (const warning of plan.dataset.warnings) note(warning);

  const work = workOf(checkpoint, plan, settings);
  const names = share.files.map(({ file }) => file);
  const overwrite = values.overwrite === true;
  const part = shard && newPart('reid', shard, work);
  if (part) beginPart(out, part, names, overwrite);
  else beginWhole(out, work);
  const copied = copyOriginals(out, share, overwrite);
  const adapter = text(values, 'adapter');
  const generated = await generateShare(out, plan, share, settings, { checkpoint, set, adapter, overwrite });
  if (part) {
    const labels = share.files.map(({ label }) => label);
    completePart(out, part, names, { labels, prefix: settings.prefix, work });
  } else writeList(out, share.files, settings.prefix);

  const result = { out, files: names.length, identities: plan.identities, copied, generated };
  const kept = names.length - copied - generated;
  if (values.json)
    sayJson({ checkpoint: path, step: info.step, ...result, kept, ...(shard && { shard: nameOf(shard) }) });
  else {
    say(`${generated} images generated and ${copied} training images copied to ${out}`);
    if (kept) say(`${kept} existed already; --overwrite makes them again`);
    say(
      shard
        ? `part ${nameOf(shard)} is complete; pose-gan reid --out ${out} --merge [PART…] joins all parts`
        : `${join(out, 'train.txt')} lists ${names.length} images of ${plan.identities} identities`,
    );
  }
  return 0;
}

/** Joins parts, which are in folders of their own or in `--out`. */
function merge(values: Values, folders: readonly string[]): number {
  const out = requiredOutput(values, 'out', 'folder');
  const bar = progress('joining parts', undefined);
  let files: number;
  try {
    files = joinReid(out, folders, (done, total) => bar.update(done, `${done}/${total}`));
  } finally {
    bar.end();
  }
  if (values.json) sayJson({ out, files });
  else say(`${join(out, 'train.txt')} lists ${files} images`);
  return 0;
}

export const reid: Command = {
  name: 'reid',
  summary:
    'enlarges a training set for re-identification by images of its people in other poses, and lists it with labels',
  usage: '--checkpoint FILE|RUN --data FOLDER --name D --out FOLDER [options] | --out FOLDER --merge [PART…]',
  options: {
    checkpoint: { type: 'string' },
    data: { type: 'string' },
    name: { type: 'string' },
    out: { type: 'string' },
    poses: { type: 'string' },
    seed: { type: 'string' },
    identity: { type: 'string' },
    'only-generated': { type: 'boolean' },
    prefix: { type: 'string' },
    format: { type: 'string' },
    quality: { type: 'string' },
    batch: { type: 'string' },
    overwrite: { type: 'boolean' },
    resize: { type: 'boolean' },
    'skip-bad': { type: 'boolean' },
    shard: { type: 'string' },
    merge: { type: 'boolean' },
  },
  help: {
    checkpoint: 'a checkpoint, or the folder of a run, from which the latest checkpoint is used',
    data: 'the folder with D-dataset/train and D-annotation-train.csv',
    name: 'the name D of the dataset',
    out: 'an empty or new folder for the images and train.txt; work that was ended is continued there',
    poses: `the number of images to generate for each training image, in poses of others (default: ${POSES}, as the paper)`,
    seed: 'the seed of the poses and of the noise (default: 0)',
    identity:
      'a regular expression whose first group is the identity (default: the name up to the first _, or the clothes of DeepFashion)',
    'only-generated': 'leave the training images themselves out of the folder and the list',
    prefix: 'the text before each name in train.txt, such as dataset/bounding_box_train/ (default: none)',
    format: 'jpg or png (default: that of each training image)',
    quality: `the quality of JPEG files, 1 to ${MAX_QUALITY} (default: ${QUALITY})`,
    batch: 'the number of images generated at once (default: that of the training)',
    overwrite: 'make existing images again',
    resize: 'resize images of another size to that of the model, joints included',
    'skip-bad': 'leave out images that cannot be used',
    shard: 'i/n: do only part i of n; the parts may share --out or have folders of their own',
    merge: 'join complete parts and write train.txt; other folders than --out are named after it',
  },
  examples: [
    'pose-gan reid --checkpoint runs/first --data data --name market --out augmented',
    'pose-gan reid --checkpoint runs/first --data data --name market --prefix dataset/bounding_box_train/ --out augmented',
    'pose-gan reid --checkpoint runs/first --data data --name market --shard 2/8 --out part2   # on one of 8 machines',
    'pose-gan reid --out augmented --merge part1 part2 part3 part4 part5 part6 part7 part8',
  ],
  run,
};
