import { join } from 'node:path';
import type { ParameterSet } from '../autograd/parameters.js';
import type { Dataset } from '../data/dataset.js';
import { nameProblem } from '../data/file-name.js';
import { fromTensor } from '../data/image.js';
import type { Pair } from '../data/pairs.js';
import { triptych } from '../data/samples.js';
import { UsageError } from '../gpu/errors.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { frameOf } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { isThere, writeFileAtomic } from '../node/files.js';
import { generateBatches } from '../node/generation.js';
import { encodePng } from '../node/images.js';
import { Loader } from '../node/loader.js';
import { beginPart, completePart, joinParts } from '../node/part-folders.js';
import { differentAdapters, nameOf, newPart } from '../node/parts.js';
import { open } from '../node.js';
import type { Values } from './command.js';
import { modelWork } from './part-work.js';
import { progress } from './progress.js';
import { limitOf, selectedPairs } from './selection.js';
import { rangeOf, shardOf } from './shard.js';
import { note } from './terminal.js';
import { required, requiredOutput, text, whole } from './values.js';

/** What was generated, as the command says it in the end. */
export interface Generated {
  readonly checkpoint: string;
  readonly step: number;
  readonly written: readonly string[];
  /** The number of files that existed already. */
  readonly kept: number;
  /** The part that this is, as in `2/8`. */
  readonly shard?: string;
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

/** Generates all pairs of a file as triptychs, or one part of them. Existing files are left as they are. */
export async function generatePairs(
  values: Values,
  checkpoint: Checkpoint & { readonly path: string },
  set: ParameterSet,
): Promise<Generated> {
  const { path, info } = checkpoint;
  const folder = requiredOutput(values, 'out', 'folder');
  const shard = shardOf(values);
  const batch = whole(values, 'batch', info.config.batch, 1);
  const seed = whole(values, 'seed', 0);
  const file = required(values, 'pairs');
  const dataset = await selectedPairs(values, frameOf(checkpoint), { file, limit: limitOf(values) });
  const count = dataset.pairs.length / 2;
  const files = triptychNames(Array.from({ length: count }, (_, i) => pairAt(dataset, i)));
  const all = Array.from({ length: Math.ceil(count / batch) }, (_, s) => s);
  // Parts consist of whole batches, because the noise of a picture depends on its place in its batch.
  const steps = shard ? rangeOf(all, shard) : all;
  const own = steps.flatMap((s) => files.slice(s * batch, (s + 1) * batch));
  const part = shard && newPart('generate', shard, { ...modelWork(checkpoint, dataset), batch, seed });
  if (part) beginPart(folder, part, own, values.force === true);

  const wanted = new Set(own.filter((name) => values.force === true || !isThere(join(folder, name))));
  const written: string[] = [];
  const bar = progress('generating', wanted.size, { unit: 'images' });
  const needed = steps.filter((s) => files.slice(s * batch, (s + 1) * batch).some((name) => wanted.has(name)));
  const engine = needed.length ? await open({ adapter: text(values, 'adapter') }) : undefined;
  try {
    if (engine) {
      const net = await Generator.create(engine, info.config, batch, { set, seed });
      for await (const { at, png } of triptychs(net, dataset, needed)) {
        const name = files[at] as string;
        if (!wanted.has(name)) continue;
        // The name comes from a table, so it must not lead to another file.
        writeFileAtomic(join(folder, name), png(), { sync: false, followLink: false });
        written.push(join(folder, name));
        bar.update(written.length);
      }
    }
  } finally {
    bar.end();
    engine?.device.destroy();
  }
  if (part)
    completePart(folder, part, own, { checkpoint: path, step: info.step, adapter: engine?.adapterName ?? null });
  const kept = own.length - written.length;
  return { checkpoint: path, step: info.step, written, kept, ...(shard && { shard: nameOf(shard) }) };
}

function pairAt({ images, pairs }: Dataset, i: number): Pair {
  const name = (at: number) => images[pairs[at] as number]?.name ?? '';
  return [name(2 * i), name(2 * i + 1)];
}

/** The triptychs of the batches with these numbers, in order, each with the number of its pair. */
async function* triptychs(
  net: Generator,
  dataset: Dataset,
  steps: readonly number[],
): AsyncGenerator<{ at: number; png: () => Uint8Array }> {
  const { batch, config } = net;
  const { height, width } = config;
  const poses = new Map(dataset.images.map(({ name, pose }) => [name, pose]));
  const loader = new Loader(dataset, { batch, geometry: config.geometry, shuffle: false });
  try {
    for await (const { batch: b, images } of generateBatches(net, loader, steps))
      for (let i = 0; i < batch; i++) {
        const picture = (v: Float32Array) => fromTensor(v, width, height, i * height * width * 3);
        const pose = poses.get(b.names[i]?.[1] ?? '') ?? [];
        const pictures = () => ({
          source: picture(b.source),
          pose,
          target: picture(b.target),
          generated: picture(images),
        });
        yield { at: b.step * batch + i, png: () => encodePng(triptych(dataset.skeleton, pictures())) };
      }
  } finally {
    await loader.close();
  }
}

/** Joins parts of `generatePairs`, which are in folders of their own or in `--out`. */
export function mergeGenerated(values: Values, folders: readonly string[]): Generated {
  const folder = requiredOutput(values, 'out', 'folder');
  const bar = progress('joining parts', undefined);
  try {
    const { files, facts } = joinParts(folder, folders, 'generate', (done, total) =>
      bar.update(done, `${done}/${total}`),
    );
    const { checkpoint, step } = facts[0] as Pick<Generated, 'checkpoint' | 'step'>;
    const adapters = new Set(facts.map(({ adapter }) => adapter).filter((name) => typeof name === 'string'));
    if (adapters.size > 1) note(differentAdapters([...adapters]));
    return { checkpoint, step, written: files, kept: 0 };
  } finally {
    bar.end();
  }
}
