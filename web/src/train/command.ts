import { modelConfig } from '../../../src/model/config.js';
import type { DataChoice, Settings } from './protocol.js';

/** Number of people in the training half for each person in the test half. */
const TRAIN_PER_TEST = 6;

export const testPeople = (trainPeople: number) => Math.ceil(trainPeople / TRAIN_PER_TEST);

const formatOptions = (options: Readonly<Record<string, string | number | boolean>>) =>
  Object.entries(options)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? ` --${name}` : ` --${name} ${value}`))
    .join('');

/**
 * The commands that continue a saved run, whose two files must be in the folder RUN. For synthetic data, the first command writes
 * the dataset. The files determine the model.
 */
export function resumeCommands({ preset, size }: Settings, data: DataChoice): string[] {
  const { height, width } = modelConfig({ preset, size });
  const rest = { out: 'RUN', resume: true };
  if (data.kind === 'folder') {
    const { name, resize, skipBad } = data;
    return [`pose-gan train${formatOptions({ data: 'FOLDER', name, ...rest, resize, 'skip-bad': skipBad })}`];
  }
  const people = { 'train-identities': data.people, 'test-identities': testPeople(data.people) };
  return [
    `pose-gan synth${formatOptions({ out: 'data', ...people, size: `${height}x${width}`, seed: data.seed, place: data.place })}`,
    `pose-gan train${formatOptions({ data: 'data', name: 'synth', ...rest })}`,
  ];
}
