import { drawLine, drawPose, wheel } from '../data/draw.js';
import { CELL, drawText } from '../data/font.js';
import { blank, type Colour, contactSheet, enlarge, fromTensor, type Image, paste, vstack } from '../data/image.js';
import { usefulWindow } from '../kernels/nearestNeighbourDistance/nearestNeighbourDistance.js';
import type { Point } from '../pose/affine.js';
import type { PartTransform, Region } from '../pose/geometry.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import type { ModelConfig } from './config.js';
import type { Inspection } from './inspection.js';
import {
  heatImage,
  layerImage,
  mapImage,
  maskImage,
  painted,
  regionIn,
  whereImage,
  whereKey,
} from './inspection-images.js';

/** What is drawn of one pair. */
export interface InspectedPair {
  readonly source: Image;
  readonly target: Image;
  readonly sourcePose: Pose;
  readonly targetPose: Pose;
  readonly transforms: readonly PartTransform[];
  /** The name of the features by which nearest neighbours are compared, for the label. */
  readonly features: string;
}

const PAPER: Colour = [250, 250, 248];
const INK: Colour = [30, 30, 34];
const GAP = 6;
/** The largest width of a row of tiles in pixels. */
const MAX_ROW_WIDTH = 1400;

/** A picture and the text above it. */
interface Tile {
  readonly label: string;
  readonly image: Image;
  readonly colour?: Colour;
}

/** Draws all results of `inspectPair` for one pair as one labelled picture. */
export function inspectionSheet(
  found: Inspection,
  pair: InspectedPair,
  config: ModelConfig,
  skeleton: Skeleton,
): Image {
  const { height, width, maskOn } = config;
  const zoom = Math.max(1, Math.round(256 / height));
  const colours = skeleton.parts.map((_, i) => wheel(i, skeleton.parts.length));
  const shown = found.generated ? fromTensor(found.generated, width, height) : pair.source;
  const what = found.generated ? 'generated' : 'source';
  const big = (image: Image) => enlarge(image, zoom);
  const section = (title: string, tiles: readonly Tile[]) => {
    const maxColumns = Math.max(4, Math.floor(MAX_ROW_WIDTH / (zoom * width + GAP)));
    const columns = Math.ceil(tiles.length / Math.ceil(tiles.length / maxColumns));
    const sheet = contactSheet(tiles.map(labelled), columns, { gap: GAP, colour: PAPER });
    return vstack([heading(title), sheet], { gap: 2, colour: PAPER });
  };
  const side = (name: 'source' | 'target') => {
    const image = name === 'source' ? pair.source : pair.target;
    const pose = name === 'source' ? pair.sourcePose : pair.targetPose;
    const heat = name === 'source' ? found.sourceHeat : found.targetHeat;
    const regions = pair.transforms.map((t) => regionIn(name, t, maskOn));
    return [
      { label: name, image: big(image) },
      { label: 'pose', image: posed(big(image), skeleton, pose, zoom) },
      { label: 'heat maps, max', image: big(heatImage(heat, height, width, skeleton.joints.length)) },
      { label: 'parts', image: outlined(dimmed(big(image), 0.5), regions, colours, zoom) },
    ];
  };
  const masked = maskOn === 'source' ? pair.source : pair.target;
  const parts = skeleton.parts.map((part, p) => ({ label: part.name.replaceAll('_', ' '), colour: colours[p], p }));
  const absent = (p: number) => (pair.transforms[p]?.affine[2] ?? 0) <= -1e6;
  const candidates: Colour[] = [...(config.identity ? [[205, 205, 205] as const] : []), ...colours];
  const winners = found.winners.map(({ scale, winner }) => ({
    label: found.winnersOf === 'image' ? 'of the image' : `level ${Math.log2(scale) + 1}, 1/${scale}`,
    image: enlarge(painted(winner, height / scale, width / scale, candidates), zoom * scale),
  }));
  const key = [
    ...(config.identity ? [{ name: 'unwarped', colour: candidates[0] as Colour }] : []),
    ...parts.map(({ label, colour }) => ({ name: label, colour: colour as Colour })),
  ];
  const neighbours = () => {
    if (!found.nearest) return [];
    const { distance, nearest } = found.nearest;
    const max = distance.reduce((a, b) => Math.max(a, b), 1e-9);
    const window = usefulWindow(config.loss.window, height, width);
    return [
      section(`nearest neighbours of the ${what} image in the target, by ${pair.features}`, [
        { label: what, image: big(shown) },
        { label: 'target', image: big(pair.target) },
        { label: `distance 0-${Math.ceil(max)}`, image: big(mapImage(distance, height, width, max)) },
        { label: 'where', image: big(whereImage(nearest, height, width, window)) },
        { label: 'key', image: enlarge(whereKey(window), 4 * zoom) },
      ]),
    ];
  };
  return framed(
    vstack(
      [
        section('the pair', [...side('source'), ...side('target')]),
        section(
          `masks, on the ${maskOn}`,
          parts.map((t) => ({ ...t, image: big(maskImage(masked, found.masks, t.p)) })),
        ),
        section(
          'the source image under each part alone',
          parts.map((t) => ({
            ...t,
            label: `${t.label}${absent(t.p) ? ': none' : ''}`,
            image: big(layerImage(found.layers, t.p, height, width)),
          })),
        ),
        section('which part wins a pixel', [...winners, { label: '', image: legend(key) }]),
        ...neighbours(),
      ],
      { gap: 2 * GAP, colour: PAPER },
    ),
  );
}

function labelled({ label, image, colour = INK }: Tile): Image {
  const columns = Math.floor(image.width / CELL.width);
  const lines =
    label.length > columns ? [label.slice(0, columns).trimEnd(), label.slice(columns).trimStart()] : [label];
  const sheet = blank(image.width, image.height + 2 * CELL.height + 2, PAPER);
  for (const [i, line] of lines.entries())
    drawText(sheet, line, 0, i * CELL.height + (2 - lines.length) * CELL.height, INK);
  // A bar in the part's colour shows to which areas of the maps the tile belongs
  if (colour !== INK) paste(sheet, blank(image.width, 2, colour), 0, 2 * CELL.height);
  paste(sheet, image, 0, 2 * CELL.height + 2);
  return sheet;
}

function heading(title: string): Image {
  const image = blank(title.length * 2 * CELL.width, 2 * CELL.height, PAPER);
  drawText(image, title, 0, 0, INK, 2);
  return image;
}

function legend(key: readonly { name: string; colour: Colour }[]): Image {
  const image = blank(20 * CELL.width, key.length * 2 * CELL.height, PAPER);
  for (const [i, { name, colour }] of key.entries()) {
    paste(image, blank(12, 12, colour), 0, 2 * i * CELL.height);
    drawText(image, name, 16, 2 * i * CELL.height + 2, INK);
  }
  return image;
}

function framed(image: Image): Image {
  const sheet = blank(image.width + 2 * GAP, image.height + 2 * GAP, PAPER);
  paste(sheet, image, GAP, GAP);
  return sheet;
}

function dimmed({ width, height, data }: Image, factor: number): Image {
  return { width, height, data: data.map((v) => v * factor) };
}

/** The centre of a pixel of the small image in the enlarged one. */
const at = ([x, y]: Point, zoom: number): Point => [(x + 0.5) * zoom - 0.5, (y + 0.5) * zoom - 0.5];

function posed(image: Image, skeleton: Skeleton, pose: Pose, zoom: number): Image {
  const drawn = { ...image, data: image.data.slice() };
  const scaled = pose.map((p) => p && at(p, zoom));
  drawPose(drawn, skeleton, scaled);
  return drawn;
}

function outlined(image: Image, regions: readonly Region[], colours: readonly Colour[], zoom: number): Image {
  for (const [i, region] of regions.entries()) {
    if (typeof region === 'string') continue;
    for (const [k, p] of region.entries())
      drawLine(image, at(p, zoom), at(region[(k + 1) % 4] as Point, zoom), colours[i] as Colour);
  }
  return image;
}
