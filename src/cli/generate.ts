import { basename, extname, join } from 'node:path';
import type { ParameterSet } from '../autograd/parameters.js';
import type { Image } from '../data/image.js';
import { checkTrunk, fitPose, type NamedPose } from '../data/named-pose.js';
import { triptych } from '../data/samples.js';
import { UsageError } from '../gpu/errors.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { batchFor, frameOf, generateList, generatorParameters, pairData } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { loadCheckpoint } from '../node/checkpoint-files.js';
import { expectWritable, writeFileAtomic } from '../node/files.js';
import { encodePng } from '../node/images.js';
import { POSE_FORMS, PoseReader, readPerson } from '../node/poses.js';
import { open } from '../node.js';
import type { Command, Values } from './command.js';
import { type Generated, generatePairs, mergeGenerated } from './generate-pairs.js';
import { progress } from './progress.js';
import { isMerge } from './shard.js';
import { note, say, sayJson } from './terminal.js';
import { noMore, required, text, whole } from './values.js';

/** The output files for the targets, named by the source and the target, and numbered if two names would be the same. */
function fileNames(out: string, image: string, targets: readonly NamedPose[]): string[] {
  if (/\.png$/i.test(out)) {
    if (targets.length > 1)
      throw new UsageError(`--out ${out} is one file, but there are ${targets.length} targets; name a folder`);
    return [out];
  }
  const used = new Set<string>();
  return targets.map(({ label }) => {
    let free = label;
    for (let count = 2; used.has(free); count++) free = `${label}-${count}`;
    used.add(free);
    return join(out, `${basename(image, extname(image))}_${free}.png`);
  });
}

/** Generates one source picture in one or several poses. */
async function onePicture(
  values: Values,
  checkpoint: Checkpoint & { readonly path: string },
  set: ParameterSet,
): Promise<Generated> {
  const model = frameOf(checkpoint);
  const { config, skeleton } = checkpoint.info;
  const path = required(values, 'image');
  const annotations = text(values, 'annotations');
  const reader = new PoseReader(skeleton, annotations, note);
  const given = text(values, 'pose') ?? annotations;
  if (!given) throw new UsageError(`--pose is needed, the pose of ${path}: ${POSE_FORMS}`);
  const resize = values.resize === true;
  const person = readPerson(path, reader.read(given, basename(path)), model, resize);
  const wanted = ((values.target ?? []) as string[]).map((t) => reader.read(t, basename(path)));
  if (!wanted.length) throw new UsageError(`--target is needed, once or more: ${POSE_FORMS}`);
  const targets = wanted.map((named) => {
    checkTrunk(named, skeleton);
    if (!named.image) return { pose: fitPose(named, person.frame, model), image: undefined };
    return readPerson(named.image, named, model, resize);
  });
  const files = fileNames(required(values, 'out'), path, wanted);
  for (const file of files) expectWritable(file, 'file');
  const pairs = targets.map(({ pose }) => ({ image: person.image, pose: person.pose, target: pose }));
  // Refuses degenerate poses before a device is opened
  pairData(config, skeleton, pairs);

  const engine = await open({ adapter: text(values, 'adapter') });
  const bar = progress('generating', pairs.length, { unit: 'images' });
  try {
    const batch = batchFor({ config }, pairs.length);
    const net = await Generator.create(engine, config, batch, { set, seed: whole(values, 'seed', 0) });
    let i = 0;
    for await (const generated of generateList(net, skeleton, pairs)) {
      const { pose, image } = targets[i] as (typeof targets)[number];
      const picture: Image = values.triptych
        ? triptych(skeleton, { source: person.image, pose, target: image, generated })
        : generated;
      writeFileAtomic(files[i] as string, encodePng(picture));
      bar.update(++i);
    }
    return { checkpoint: checkpoint.path, step: checkpoint.info.step, written: files, kept: 0 };
  } finally {
    bar.end();
    engine.device.destroy();
  }
}

/** Generates what the options name. */
function generated(values: Values): Promise<Generated> {
  if (text(values, 'shard') !== undefined && !text(values, 'pairs'))
    throw new UsageError('--shard divides the pairs of a file; name it by --pairs FILE');
  const checkpoint = loadCheckpoint(required(values, 'checkpoint'));
  const work = text(values, 'pairs') ? generatePairs : onePicture;
  return work(values, checkpoint, generatorParameters(checkpoint));
}

async function run(values: Values, positionals: string[]): Promise<number> {
  const merging = isMerge(values, ['out']);
  if (!merging) noMore(positionals);
  const result = merging ? mergeGenerated(values, positionals) : await generated(values);
  if (values.json) {
    sayJson(result);
    return 0;
  }
  const { written, kept, shard } = result;
  const [first, ...others] = written;
  say(`${first ?? 'nothing'}${others.length ? ` and ${others.length} more` : ''} written`);
  if (kept) say(`${kept} existed already; --force makes them again`);
  if (shard) say(`part ${shard} is complete; pose-gan generate --out ${values.out} --merge [PART…] joins all parts`);
  return 0;
}

export const generate: Command = {
  name: 'generate',
  summary: 'shows the person of a picture in other poses, or makes triptychs of all pairs of a file',
  usage:
    '--checkpoint FILE|RUN (--image IMG --pose POSE --target POSE… | --pairs FILE --data FOLDER --name D) --out FOLDER|FILE.png | --out FOLDER --merge [PART…]',
  options: {
    checkpoint: { type: 'string' },
    image: { type: 'string' },
    pose: { type: 'string' },
    target: { type: 'string', multiple: true },
    annotations: { type: 'string' },
    out: { type: 'string' },
    triptych: { type: 'boolean' },
    pairs: { type: 'string' },
    data: { type: 'string' },
    name: { type: 'string' },
    split: { type: 'string' },
    limit: { type: 'string' },
    batch: { type: 'string' },
    force: { type: 'boolean' },
    seed: { type: 'string' },
    resize: { type: 'boolean' },
    'skip-bad': { type: 'boolean' },
    shard: { type: 'string' },
    merge: { type: 'boolean' },
  },
  help: {
    checkpoint: 'a checkpoint, or the folder of a run, from which the latest checkpoint is used',
    image: 'the picture of the person',
    pose: `the pose of the picture: ${POSE_FORMS}. Default: the picture's row in --annotations`,
    target: 'a target pose, in the same forms, in pixels of --image or of the image that names it. May be repeated',
    annotations: 'the annotation table in which poses of images are looked up',
    out: 'a PNG file, or a folder',
    triptych: 'write source | target pose | (target) | generated',
    pairs: 'a pairs table (from,to), of which every pair is generated as a triptych; needs --data and --name',
    data: 'the data folder of --pairs',
    name: 'the name of the dataset of --pairs',
    split: 'the half of the dataset of --pairs: train or test (default)',
    limit: 'generate only this many pairs, from the first',
    batch: 'the number of pairs at once (default: that of the training)',
    force: 'make existing triptychs again',
    seed: 'seed of the noise (default 0)',
    resize: 'resize images of another size to that of the model, joints included',
    'skip-bad': 'skip pairs that cannot be used',
    shard: 'i/n: do only part i of n of --pairs; the parts may share --out or have folders of their own',
    merge: 'check that all parts are complete and join them; other folders than --out are named after it',
  },
  examples: [
    'pose-gan generate --checkpoint runs/first --image a.png --pose poses.csv --target poses.csv#b.png --out out.png',
    'pose-gan generate --checkpoint runs/first --image a.png --annotations poses.csv --target b.png --target sit.json --out out',
    'pose-gan generate --checkpoint runs/first --pairs data/synth-pairs-test.csv --data data --name synth --limit 50 --out out',
    'pose-gan generate --checkpoint runs/first --pairs data/market-pairs-test.csv --data data --name market --shard 2/8 --out part2   # on one of 8 machines',
    'pose-gan generate --out out --merge part1 part2 part3 part4 part5 part6 part7 part8',
  ],
  run,
};
