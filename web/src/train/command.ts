import { modelConfig } from '../../../src/model/config.js';
import type { DataChoice, Settings } from './protocol.js';

/** So many people to train on for one to test with. */
const TRAIN_PER_TEST = 6;

export const testPeople = (trainPeople: number) => Math.ceil(trainPeople / TRAIN_PER_TEST);

const words = (options: Readonly<Record<string, string | number | boolean>>) =>
  Object.entries(options)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? ` --${name}` : ` --${name} ${value}`))
    .join('');

/** The commands that go on with a saved run when its two files, which know the model, lie in the folder RUN; drawn people are written first. */
export function resumeCommands({ preset, size }: Settings, data: DataChoice): string[] {
  const { height, width } = modelConfig({ preset, size });
  const rest = { out: 'RUN', resume: true };
  if (data.kind === 'folder') {
    const { name, resize, skipBad } = data;
    return [`pose-gan train${words({ data: 'FOLDER', name, ...rest, resize, 'skip-bad': skipBad })}`];
  }
  const people = { 'train-identities': data.people, 'test-identities': testPeople(data.people) };
  return [
    `pose-gan synth${words({ out: 'data', ...people, size: `${height}x${width}`, seed: data.seed, place: data.place })}`,
    `pose-gan train${words({ data: 'data', name: 'synth', ...rest })}`,
  ];
}
