import { basename, extname, join } from 'node:path';
import type { ParameterSet } from '../autograd/parameters.js';
import { nameProblem } from '../data/file-name.js';
import { fromTensor, type Image } from '../data/image.js';
import { checkTrunk, fitPose, type NamedPose } from '../data/named-pose.js';
import type { Pair } from '../data/pairs.js';
import { triptych } from '../data/samples.js';
import { UsageError } from '../gpu/errors.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { batchFor, frameOf, generateList, generatorParameters, pairData } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { loadCheckpoint } from '../node/checkpoint-files.js';
import { expectWritable, isThere, writeFileAtomic } from '../node/files.js';
import { generateBatches } from '../node/generation.js';
import { encodePng } from '../node/images.js';
import { Loader } from '../node/loader.js';
import { POSE_FORMS, PoseReader, readPerson } from '../node/poses.js';
import { open } from '../node.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { limitOf, selectedPairs } from './selection.js';
import { note, say, sayJson } from './terminal.js';
import { noMore, required, requiredOutput, text, whole } from './values.js';

interface Result {
  readonly written: readonly string[];
  /** The number of files that existed already. */
  readonly kept: number;
}

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
async function onePicture(values: Values, checkpoint: Checkpoint, set: ParameterSet): Promise<Result> {
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
    return { written: files, kept: 0 };
  } finally {
    bar.end();
    engine.device.destroy();
  }
}

/** The file names of triptychs, made of both images' names. Throws `UsageError` if two are the same, or if one is too long. */
export function triptychNames(pairs: readonly Pair[]): string[] {
  const taken = new Map<string, Pair>();
  return pairs.map((pair) => {
    const file = `${pair.join('_')}.png`;
    const other = taken.get(file);
    const problem = other
      ? `this is also the name for ${other.join(' → ')}; rename an image, or generate the pairs into two folders`
      : nameProblem(file);
    if (problem) throw new UsageError(`the triptych of ${pair.join(' → ')} would be ${file}: ${problem}`);
    taken.set(file, pair);
    return file;
  });
}

/** Generates all pairs of a file as triptychs. Existing files are left as they are. */
async function pairsFile(values: Values, checkpoint: Checkpoint, set: ParameterSet): Promise<Result> {
  const { config, skeleton } = checkpoint.info;
  const folder = requiredOutput(values, 'out', 'folder');
  const batch = whole(values, 'batch', config.batch, 1);
  const dataset = await selectedPairs(values, frameOf(checkpoint), {
    file: required(values, 'pairs'),
    limit: limitOf(values),
  });
  const poses = new Map(dataset.images.map(({ name, pose }) => [name, pose]));
  const count = dataset.pairs.length / 2;
  const name = (at: number) => dataset.images[dataset.pairs[at] as number]?.name ?? '';
  const pairNames = Array.from({ length: count }, (_, i) => [name(2 * i), name(2 * i + 1)] as const);
  const files = triptychNames(pairNames).map((file) => join(folder, file));
  const missing = files.map((f) => values.force === true || !isThere(f));
  const steps = Array.from({ length: Math.ceil(count / batch) }, (_, s) => s).filter((s) =>
    missing.slice(s * batch, (s + 1) * batch).some(Boolean),
  );
  const written: string[] = [];
  const total = missing.filter(Boolean).length;
  if (!total) return { written, kept: count };

  const engine = await open({ adapter: text(values, 'adapter') });
  const loader = new Loader(dataset, { batch, geometry: config.geometry, shuffle: false });
  const bar = progress('generating', total, { unit: 'images' });
  try {
    const net = await Generator.create(engine, config, batch, { set, seed: whole(values, 'seed', 0) });
    const { height, width } = config;
    for await (const { batch: b, images } of generateBatches(net, loader, steps))
      for (let i = 0; i < batch; i++) {
        const at = b.step * batch + i;
        if (!missing[at]) continue;
        const picture = (v: Float32Array) => fromTensor(v, width, height, i * height * width * 3);
        const pose = poses.get(b.names[i]?.[1] ?? '') ?? [];
        const pictures = { source: picture(b.source), pose, target: picture(b.target), generated: picture(images) };
        writeFileAtomic(files[at] as string, encodePng(triptych(skeleton, pictures)), {
          sync: false,
          // The name comes from a table, so it must not lead to another file.
          followLink: false,
        });
        written.push(files[at] as string);
        bar.update(written.length);
      }
    return { written, kept: count - total };
  } finally {
    bar.end();
    await loader.close();
    engine.device.destroy();
  }
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const checkpoint = loadCheckpoint(required(values, 'checkpoint'));
  const work = text(values, 'pairs') ? pairsFile : onePicture;
  const { written, kept } = await work(values, checkpoint, generatorParameters(checkpoint));
  const { path, info } = checkpoint;
  if (values.json) sayJson({ checkpoint: path, step: info.step, written, kept });
  else {
    const [first, ...others] = written;
    say(`${first ?? 'nothing'}${others.length ? ` and ${others.length} more` : ''} written`);
    if (kept) say(`${kept} existed already; --force makes them again`);
  }
  return 0;
}

export const generate: Command = {
  name: 'generate',
  summary: 'shows the person of a picture in other poses, or makes triptychs of all pairs of a file',
  usage: '--checkpoint FILE|RUN --image IMG --pose POSE --target POSE… --out FOLDER|FILE.png',
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
  },
  examples: [
    'pose-gan generate --checkpoint runs/first --image a.png --pose poses.csv --target poses.csv#b.png --out out.png',
    'pose-gan generate --checkpoint runs/first --image a.png --annotations poses.csv --target b.png --target sit.json --out out',
    'pose-gan generate --checkpoint runs/first --pairs data/synth-pairs-test.csv --data data --name synth --limit 50 --out out',
  ],
  run,
};
