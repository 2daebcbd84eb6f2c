import type { Dataset } from '../data/dataset.js';
import { drawPose } from '../data/draw.js';
import { CELL, drawText, textWidth } from '../data/font.js';
import { blank, type Colour, enlarge, hstack, type Image, vstack } from '../data/image.js';
import type { EvaluatedPair } from '../evaluation/scorer.js';
import type { Engine } from '../gpu/engine.js';
import { generatorParameters } from '../model/pairs.js';
import { Generator } from '../model/trainer.js';
import type { AblationRun } from './ablation.js';
import { loadCheckpoint } from './checkpoint-files.js';
import { generatedPairs } from './pair-source.js';

const PAPER: Colour = [250, 250, 248];
const INK: Colour = [30, 30, 34];
const GAP = 4;

/**
 * The picture grid in the paper's layout: a row for each pair of the dataset; the columns are the input, its pose, the target's pose,
 * the target, and what each run generates. Pictures lower than 128 pixels are enlarged.
 */
export async function ablationGrid(engine: Engine, dataset: Dataset, runs: readonly AblationRun[]): Promise<Image> {
  const columns: { label: string; pictures: Image[] }[] = [];
  let pairs: readonly EvaluatedPair[] = [];
  for (const run of runs) {
    const checkpoint = loadCheckpoint(run.folder);
    const { config } = checkpoint.info;
    const set = generatorParameters(checkpoint);
    const model = await Generator.create(engine, config, config.batch, { set, seed: 0 });
    const all: EvaluatedPair[] = [];
    for await (const batch of generatedPairs(model, dataset, { workers: 1 }).batches()) all.push(...batch);
    pairs = all;
    columns.push({ label: run.variant, pictures: all.map((pair) => pair.generated) });
    model.destroy();
  }
  const posed = (i: number) => {
    const picture = blank(dataset.width, dataset.height, [24, 24, 28]);
    drawPose(picture, dataset.skeleton, dataset.images[dataset.pairs[i] as number]?.pose ?? []);
    return picture;
  };
  const given = [
    { label: 'input', pictures: pairs.map((pair) => pair.source) },
    { label: 'pose', pictures: pairs.map((_, i) => posed(2 * i)) },
    { label: 'target pose', pictures: pairs.map((_, i) => posed(2 * i + 1)) },
    { label: 'target', pictures: pairs.map((pair) => pair.target) },
  ];
  const zoom = Math.max(1, Math.round(128 / dataset.height));
  return hstack(
    [...given, ...columns].map(({ label, pictures }) => {
      const tiles = pictures.map((picture) => enlarge(picture, zoom));
      return vstack([heading(label, zoom * dataset.width), ...tiles], { gap: GAP, colour: PAPER });
    }),
    { gap: GAP, colour: PAPER },
  );
}

function heading(label: string, width: number): Image {
  const image = blank(Math.max(width, textWidth(label)), CELL.height + 2, PAPER);
  drawText(image, label, 0, 1, INK);
  return image;
}
