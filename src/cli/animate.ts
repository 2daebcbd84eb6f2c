import { basename, join } from 'node:path';
import { encodeApng } from '../data/apng.js';
import type { Image } from '../data/image.js';
import { checkTrunk, fitPose } from '../data/named-pose.js';
import { triptych } from '../data/samples.js';
import { UsageError } from '../gpu/errors.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { batchFor, frameOf, generateList, generatorParameters, pairData } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { loadCheckpoint } from '../node/checkpoint-files.js';
import { writeFileAtomic } from '../node/files.js';
import { encodeGif } from '../node/gif.js';
import { encodePng } from '../node/images.js';
import { type Person, POSE_FORMS, PoseReader, readPerson } from '../node/poses.js';
import { open } from '../node.js';
import { fillMissing, walk } from '../pose/sequence.js';
import { isValid, type Pose } from '../pose/skeleton.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { note, say, sayJson } from './terminal.js';
import { noMore, output, required, text, whole } from './values.js';

/** The target poses in pixels of the model's images. Joints that are missing in some frames are filled in. */
function sequenceOf(values: Values, checkpoint: Checkpoint, reader: PoseReader, person: Person): Pose[] {
  const given = required(values, 'sequence');
  const frame = frameOf(checkpoint);
  const { skeleton } = frame;
  if (given === 'walk') return walk(skeleton, person.pose, whole(values, 'frames', 24, 2), frame);
  const named = reader.sequence(given).slice(0, text(values, 'frames') ? whole(values, 'frames', 1, 1) : undefined);
  const poses = fillMissing(named.map((n) => fitPose(n, person.frame, frame)));
  // A joint that is still missing is missing in every frame.
  const [first] = poses;
  if (!first) throw new UsageError(`${given} holds no pose`);
  if (!isValid(skeleton, first)) checkTrunk({ label: '', where: `every frame of ${given}`, pose: first }, skeleton);
  for (const [i, pose] of poses.entries()) checkTrunk({ label: '', where: named[i]?.where ?? given, pose }, skeleton);
  return poses;
}

/** The output paths, of which at least one is needed. */
function outputsOf(values: Values): { folder?: string; png?: string; gif?: string } {
  const outputs = {
    folder: output(values, 'out', 'folder'),
    png: output(values, 'png', 'file'),
    gif: output(values, 'gif', 'file'),
  };
  if (!Object.values(outputs).some(Boolean))
    throw new UsageError('name an output: --out FOLDER for the frames, --png FILE or --gif FILE');
  return outputs;
}

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const outputs = outputsOf(values);
  const fps = whole(values, 'fps', 12, 1);
  if (fps > 60) throw new UsageError(`--fps must be 1 to 60, got ${fps}`);
  const checkpoint = loadCheckpoint(required(values, 'checkpoint'));
  const { config, skeleton } = checkpoint.info;
  const path = required(values, 'image');
  const annotations = text(values, 'annotations');
  const reader = new PoseReader(skeleton, annotations, note);
  const own = text(values, 'pose') ?? annotations;
  if (!own) throw new UsageError(`--pose is needed, the pose of ${path}: ${POSE_FORMS}`);
  const person = readPerson(path, reader.read(own, basename(path)), frameOf(checkpoint), values.resize === true);
  const pairs = sequenceOf(values, checkpoint, reader, person).map((target) => ({
    image: person.image,
    pose: person.pose,
    target,
  }));
  const set = generatorParameters(checkpoint);
  // Refuses degenerate poses before a device is opened
  pairData(config, skeleton, pairs);

  const engine = await open({ adapter: text(values, 'adapter') });
  const bar = progress('generating', pairs.length, { unit: 'frames' });
  const frames: Image[] = [];
  try {
    const batch = batchFor({ config }, pairs.length);
    const net = await Generator.create(engine, config, batch, { set, seed: whole(values, 'seed', 0) });
    for await (const generated of generateList(net, skeleton, pairs)) {
      const pose = pairs[frames.length]?.target ?? [];
      frames.push(values.triptych ? triptych(skeleton, { source: person.image, pose, generated }) : generated);
      bar.update(frames.length);
    }
  } finally {
    bar.end();
    engine.device.destroy();
  }
  const written = write(outputs, frames, fps);
  if (values.json)
    sayJson({ checkpoint: checkpoint.path, step: checkpoint.info.step, frames: frames.length, fps, written });
  else say(`${frames.length} frames: ${written.join(', ')}`);
  return 0;
}

function write(outputs: ReturnType<typeof outputsOf>, frames: readonly Image[], fps: number): string[] {
  const { folder, png, gif } = outputs;
  const files = frames.map(encodePng);
  if (folder)
    for (const [i, file] of files.entries())
      writeFileAtomic(join(folder, `frame-${String(i + 1).padStart(4, '0')}.png`), file, { sync: false });
  if (png) writeFileAtomic(png, encodeApng(files, fps));
  if (gif) writeFileAtomic(gif, encodeGif(frames, fps));
  return [folder, png, gif].filter((p) => p !== undefined);
}

export const animate: Command = {
  name: 'animate',
  summary: 'shows the person of a picture in a sequence of poses, as frames, an animated PNG or a GIF',
  usage: '--checkpoint FILE|RUN --image IMG --pose POSE --sequence FILE|walk [--out FOLDER] [--png FILE] [--gif FILE]',
  options: {
    checkpoint: { type: 'string' },
    image: { type: 'string' },
    pose: { type: 'string' },
    sequence: { type: 'string' },
    annotations: { type: 'string' },
    out: { type: 'string' },
    png: { type: 'string' },
    gif: { type: 'string' },
    fps: { type: 'string' },
    frames: { type: 'string' },
    triptych: { type: 'boolean' },
    seed: { type: 'string' },
    resize: { type: 'boolean' },
  },
  help: {
    checkpoint: 'a checkpoint, or the folder of a run, from which the latest checkpoint is used',
    image: 'the picture of the person',
    pose: `the pose of the picture: ${POSE_FORMS}. Default: the picture's row in --annotations`,
    sequence:
      'a JSON list of poses, an annotation table (its rows in order), or walk for a walking cycle made from the pose. ' +
      'Missing joints are interpolated between the frames that have them',
    annotations: 'the annotation table in which the pose of the picture is looked up',
    out: 'a folder for the frames, frame-0001.png and so on',
    png: 'an animated PNG to write',
    gif: 'an animated GIF to write',
    fps: 'frames per second, 1 to 60 (default 12)',
    frames: 'the number of frames of the walk (default 24), or of poses taken from the file (default: all)',
    triptych: 'show source | target pose | generated in every frame',
    seed: 'seed of the noise, which is the same in all frames (default 0)',
    resize: 'resize a picture of another size to that of the model, joints and sequence included',
  },
  examples: [
    'pose-gan animate --checkpoint runs/first --image a.png --annotations poses.csv --sequence walk --png walk.png',
    'pose-gan animate --checkpoint runs/first --image a.png --pose a.json --sequence dance.json --out frames --gif dance.gif',
  ],
  run,
};
