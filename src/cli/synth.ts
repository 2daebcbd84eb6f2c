import { unpairedText } from '../data/pairs.js';
import { PLACES } from '../data/synth/backdrop.js';
import { SYNTH_OBJECTS } from '../data/synth-object.js';
import { UsageError } from '../gpu/errors.js';
import { type SynthCounts, skeletonPath, writeSynthDataset } from '../node/synth-dataset.js';
import { PERSON } from '../pose/skeleton.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { say, sayJson } from './terminal.js';
import { imageSize, noMore, requiredOutput, text, whole } from './values.js';

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const [height, width] = imageSize(values, 'size', [128, 64]);
  const kind = text(values, 'object') ?? 'person';
  const object = Object.hasOwn(SYNTH_OBJECTS, kind) ? SYNTH_OBJECTS[kind] : undefined;
  if (!object) throw new UsageError(`--object must be ${Object.keys(SYNTH_OBJECTS).join(' or ')}, got "${kind}"`);
  const where = text(values, 'place') ?? 'anywhere';
  const place = PLACES.find((p) => p === where);
  if (!place) throw new UsageError(`--place must be ${PLACES.join(' or ')}, got "${where}"`);
  const options = {
    folder: requiredOutput(values, 'out', 'folder'),
    name: text(values, 'name') ?? (kind === 'person' ? 'synth' : kind),
    trainIdentities: whole(values, 'train-identities', 100, 1),
    testIdentities: whole(values, 'test-identities', 20, 1),
    imagesPerIdentity: whole(values, 'images-per-identity', 8, 2),
    height,
    width,
    seed: whole(values, 'seed', 0),
    place,
    overwrite: values.overwrite === true,
  };
  const total = (options.trainIdentities + options.testIdentities) * options.imagesPerIdentity;
  const bar = progress('drawing', total, { unit: 'images' });
  const start = performance.now();
  const counts = writeSynthDataset({ ...options, object, onProgress: (done) => bar.update(done) });
  bar.end();
  const seconds = (performance.now() - start) / 1000;
  const { train, test } = counts;
  const describe = ({ images, pairs, unpaired }: SynthCounts['train']) =>
    `${images - unpaired.images} images${unpairedText(unpaired, object.skeleton)}, ${pairs} pairs`;
  const skeleton = object.skeleton === PERSON ? undefined : skeletonPath(options.folder, options.name);
  if (values.json) sayJson({ object: kind, skeleton, ...options, ...counts, seconds });
  else
    say(
      `${options.folder}: dataset ${options.name} of ${height}×${width} images in ${seconds.toFixed(1)} s`,
      `train: ${options.trainIdentities} identities, ${describe(train)}`,
      `test: ${options.testIdentities} identities, ${describe(test)}`,
      ...(skeleton ? [`skeleton, for --skeleton: ${skeleton}`] : []),
    );
  return 0;
}

export const synth: Command = {
  name: 'synth',
  summary: 'draws a synthetic dataset of people or lamps with images, annotations and pairs; downloads nothing',
  usage: '--out FOLDER [options]',
  options: {
    out: { type: 'string' },
    object: { type: 'string' },
    name: { type: 'string' },
    'train-identities': { type: 'string' },
    'test-identities': { type: 'string' },
    'images-per-identity': { type: 'string' },
    size: { type: 'string' },
    seed: { type: 'string' },
    place: { type: 'string' },
    overwrite: { type: 'boolean' },
  },
  help: {
    out: 'the data folder to write to',
    object: 'person (default), or lamp for desk lamps, whose skeleton is written beside the tables',
    name: 'the name of the dataset (default synth, or lamp for lamps)',
    'train-identities': 'the number of people, or lamps, for training (default 100)',
    'test-identities': 'the number of others for testing (default 20)',
    'images-per-identity': 'the number of pictures of each (default 8)',
    size: 'the size of the pictures, HEIGHTxWIDTH (default 128x64)',
    seed: 'seed of the dataset, a whole number (default 0)',
    place:
      'anywhere (default) for a new place in every picture, or studio for the same light wall, which is learnt sooner',
    overwrite: 'replace a dataset with this name',
  },
  examples: [
    'pose-gan synth --out data',
    'pose-gan synth --out data --name big --train-identities 1000 --images-per-identity 20',
    'pose-gan synth --out data --object lamp',
    'pose-gan synth --out data --name studio --place studio',
    'pose-gan synth --out data --name square --size 256x256 --seed 7',
  ],
  run,
};
