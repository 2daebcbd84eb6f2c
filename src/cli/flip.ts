import { UsageError } from '../gpu/errors.js';
import { readSkeleton } from '../node/files.js';
import { flipDataset } from '../node/flip.js';
import type { Command, Values } from './command.js';
import { progress } from './progress.js';
import { note, say, sayJson } from './terminal.js';
import { noMore, required, text } from './values.js';

async function run(values: Values, positionals: string[]): Promise<number> {
  noMore(positionals);
  const split = text(values, 'split') ?? 'train';
  if (split !== 'train' && split !== 'test') throw new UsageError(`--split must be train or test, got "${split}"`);
  const folder = required(values, 'data');
  const name = required(values, 'name');
  const skeleton = readSkeleton(text(values, 'skeleton'));
  let bar: ReturnType<typeof progress> | undefined;
  const onProgress = (done: number, total: number) => {
    bar ??= progress('mirroring', total, { unit: 'images' });
    bar.update(done);
  };
  const counts = flipDataset({ folder, name, split, skeleton, onProgress, onNote: note });
  bar?.end();
  if (values.json) sayJson({ folder, name, split, ...counts });
  else say(`${name} ${split}: added ${counts.images} mirrored images and ${counts.pairs} pairs of them`);
  return 0;
}

export const flip: Command = {
  name: 'flip',
  summary: 'doubles a dataset by adding mirrored images, with left and right joints exchanged, and their pairs',
  usage: '--data FOLDER --name D [options]',
  options: {
    data: { type: 'string' },
    name: { type: 'string' },
    split: { type: 'string' },
    skeleton: { type: 'string' },
  },
  help: {
    data: 'the data folder',
    name: 'the name of the dataset in it',
    split: 'the half of the dataset: train (default) or test',
    skeleton: 'a skeleton JSON file (default: the person with 18 joints)',
  },
  examples: ['pose-gan flip --data data --name market', 'pose-gan flip --data data --name synth --split test --json'],
  run,
};
