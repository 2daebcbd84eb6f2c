import { writeSynthDataset } from '../node/synth-dataset.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { imageSize, noMore, required, text, whole } from './values.js';

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const [height, width] = imageSize(values, 'size', [128, 64]);
  const options = {
    folder: required(values, 'out'),
    name: text(values, 'name') ?? 'synth',
    trainIdentities: whole(values, 'train-identities', 100, 1),
    testIdentities: whole(values, 'test-identities', 20, 1),
    imagesPerIdentity: whole(values, 'images-per-identity', 8, 2),
    height,
    width,
    seed: whole(values, 'seed', 0),
    overwrite: values.overwrite === true,
  };
  const total = (options.trainIdentities + options.testIdentities) * options.imagesPerIdentity;
  const bar = progress('drawing', total, { unit: 'images' });
  const start = performance.now();
  const counts = writeSynthDataset({ ...options, onProgress: (done) => bar.update(done) });
  bar.end();
  const seconds = (performance.now() - start) / 1000;
  const { train, test } = counts;
  if (values.json) console.log(JSON.stringify({ ...options, ...counts, seconds }, null, 2));
  else
    console.log(
      `${options.folder}: dataset ${options.name} of ${height}×${width} images in ${seconds.toFixed(1)} s\n` +
        `train: ${options.trainIdentities} identities, ${train.images} images, ${train.pairs} pairs\n` +
        `test: ${options.testIdentities} identities, ${test.images} images, ${test.pairs} pairs`,
    );
  return 0;
}

export const synth: Command = {
  name: 'synth',
  summary: 'draws a synthetic people dataset: images, annotations and pairs, with nothing to download',
  usage: '--out FOLDER [options]',
  options: {
    out: { type: 'string' },
    name: { type: 'string' },
    'train-identities': { type: 'string' },
    'test-identities': { type: 'string' },
    'images-per-identity': { type: 'string' },
    size: { type: 'string' },
    seed: { type: 'string' },
    overwrite: { type: 'boolean' },
  },
  help: {
    out: 'the data folder to write to',
    name: 'name of the dataset (default synth)',
    'train-identities': 'people to train on (default 100)',
    'test-identities': 'other people to test on (default 20)',
    'images-per-identity': 'pictures of each (default 8)',
    size: 'HEIGHTxWIDTH of the pictures (default 128x64)',
    seed: 'whole number; another one draws other people (default 0)',
    overwrite: 'draw again over a dataset of this name',
  },
  examples: [
    'pose-gan synth --out data',
    'pose-gan synth --out data --name big --train-identities 1000 --images-per-identity 20',
    'pose-gan synth --out data --name square --size 256x256 --seed 7',
  ],
  run,
};
