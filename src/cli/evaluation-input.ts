import { rowNumbers } from '../data/annotations.js';
import type { Dataset } from '../data/dataset.js';
import { splitOverlap } from '../data/identity.js';
import type { Cost, EvaluationDocument } from '../evaluation/document.js';
import { DEFAULT_LAYOUT, parseLayout } from '../evaluation/triptych.js';
import type { Engine } from '../gpu/engine.js';
import { UsageError } from '../gpu/errors.js';
import { frameOf, generatorParameters } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import { loadCheckpoint } from '../node/checkpoint-files.js';
import { measureCost } from '../node/cost.js';
import { datasetPaths } from '../node/dataset.js';
import { isThere, readSkeleton, readTable } from '../node/files.js';
import { generatedPairs, type PairSource } from '../node/pair-source.js';
import type { Work } from '../node/parts.js';
import { triptychs } from '../node/triptychs.js';
import type { Skeleton } from '../pose/skeleton.js';
import type { Values } from './command.js';
import { modelWork, triptychWork } from './part-work.js';
import { progress } from './progress.js';
import { limitOf, selectedPairs, splitOf } from './selection.js';
import { required, text, whole } from './values.js';

/** What is evaluated, checked before a device is opened. */
export interface EvaluationInput {
  readonly title: string;
  readonly facts: EvaluationDocument['source'];
  readonly notes: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly skeleton?: Skeleton;
  /** The names of all pairs, in order. */
  readonly pairs: readonly { readonly source: string; readonly target: string }[];
  /** The number of pairs that are evaluated at once. */
  readonly batch: number;
  readonly needsEngine: boolean;
  /** Where the pixels of the generated images come from. */
  readonly format: string;
  /** Reads all files and returns everything on which the pictures depend besides the adapter. */
  work(): Work;
  open(engine: Engine | undefined): Promise<{ source: PairSource; cost?: Cost }>;
}

/** The options that only one of the two kinds of input has. */
const CHECKPOINT_OPTIONS = ['data', 'name', 'split', 'batch', 'resize', 'skip-bad'];
const TRIPTYCH_OPTIONS = ['layout', 'poses', 'skeleton'];

/** The input that the options name: a checkpoint with a dataset, or a folder of triptychs. */
export function evaluationInput(values: Values): Promise<EvaluationInput> {
  const [checkpoint, folder] = [text(values, 'checkpoint'), text(values, 'triptychs')];
  if ((checkpoint === undefined) === (folder === undefined))
    throw new UsageError(
      'name either --checkpoint FILE|RUN with --data FOLDER and --name D, or --triptychs FOLDER; see --help',
    );
  const foreign = (checkpoint === undefined ? CHECKPOINT_OPTIONS : TRIPTYCH_OPTIONS).find(
    (o) => values[o] !== undefined,
  );
  if (foreign !== undefined)
    throw new UsageError(`--${foreign} does not go with --${checkpoint === undefined ? 'triptychs' : 'checkpoint'}`);
  return checkpoint === undefined ? triptychInput(values, folder as string) : checkpointInput(values, checkpoint);
}

async function checkpointInput(values: Values, path: string): Promise<EvaluationInput> {
  const checkpoint = loadCheckpoint(path);
  const { config, step, recipe, features } = checkpoint.info;
  const set = generatorParameters(checkpoint);
  const seed = whole(values, 'seed', 0);
  const batch = whole(values, 'batch', config.batch, 1);
  const dataset = await selectedPairs(values, frameOf(checkpoint), { limit: limitOf(values), seed });
  const folder = required(values, 'data');
  const { rows, images, pairs } = dataset.skipped;
  return {
    title: `${checkpoint.path}, step ${step.toLocaleString('en')}, on the ${splitOf(values)} half of ${dataset.name}`,
    facts: {
      ...{ checkpoint: checkpoint.path, step, features },
      ...Object.fromEntries(Object.entries(recipe).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]]))),
      ...{ data: folder, name: dataset.name, split: splitOf(values), seed },
      ...{ 'skipped rows': rows, 'skipped images': images, 'skipped pairs': pairs },
    },
    notes: [...dataset.warnings.map((w) => `WARNING: ${w}`), ...overlapNotes(folder, dataset)],
    ...{ height: config.height, width: config.width, skeleton: dataset.skeleton },
    pairs: namesOf(dataset),
    batch,
    work: () => ({ ...modelWork(checkpoint, dataset), batch, seed }),
    needsEngine: true,
    format: 'memory',
    open: async (engine) => {
      const model = await Generator.create(engine as Engine, config, batch, { set, seed });
      const cost = await measureCost(engine as Engine, model, dataset);
      return { source: generatedPairs(model, dataset), cost };
    },
  };
}

function namesOf({ images, pairs }: Dataset) {
  const name = (i: number) => images[pairs[i] as number]?.name ?? '';
  return Array.from({ length: pairs.length / 2 }, (_, i) => ({ source: name(2 * i), target: name(2 * i + 1) }));
}

/** Says whether identities of the test half are in the training half too, if the folder has that half. */
function overlapNotes(folder: string, { name, split, images }: Dataset): string[] {
  const { annotations } = datasetPaths(folder, name, 'train');
  if (split !== 'test' || !isThere(annotations)) return [];
  const trained = rowNumbers(readTable(annotations, 'annotation table')).keys();
  const { identities, shared, people } = splitOverlap(
    trained,
    images.map((image) => image.name),
  );
  const number = (n: number) => n.toLocaleString('en');
  const worn = people
    ? ` They are ${number(people.count)} people, of whom ${number(people.shared)} are in the training half in other clothes, which a split by clothing allows.`
    : '';
  return shared
    ? [
        `WARNING: ${number(shared)} of the ${number(identities)} identities of the test half are in the training half too (${annotations}).${worn}`,
      ]
    : [
        `None of the ${number(identities)} identities of the test half is in the training half (${annotations}).${worn}`,
      ];
}

async function triptychInput(values: Values, folder: string): Promise<EvaluationInput> {
  const layout = parseLayout(text(values, 'layout') ?? DEFAULT_LAYOUT);
  const poses = text(values, 'poses');
  const skeleton = readSkeleton(text(values, 'skeleton'));
  const seed = whole(values, 'seed', 0);
  const bar = progress('checking pictures', undefined, { unit: 'pictures' });
  try {
    const source = triptychs({
      ...{ folder, layout, skeleton, seed },
      ...(poses !== undefined && { poses }),
      ...(limitOf(values) !== undefined && { limit: limitOf(values) }),
      onProgress: (done) => bar.update(done),
    });
    const notes =
      poses === undefined
        ? ['There are no masks, because no --poses FILE names the poses of the targets.']
        : source.unposed
          ? [`${source.unposed} of ${source.count} targets have no row in ${poses}, and so no mask.`]
          : [];
    return {
      title: `${folder}, ${source.count.toLocaleString('en')} pictures of ${layout.join(' | ')}`,
      facts: { triptychs: folder, layout: layout.join(','), poses: poses ?? null, seed },
      notes,
      ...{ height: source.height, width: source.width, pairs: source.pairs, batch: source.batch },
      ...{ needsEngine: false, format: source.format },
      work: () => ({ ...triptychWork(source), layout: layout.join(','), seed }),
      ...(source.skeleton && { skeleton: source.skeleton }),
      open: async () => ({ source }),
    };
  } finally {
    bar.end();
  }
}
