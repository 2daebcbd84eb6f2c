import type { ModelConfig } from '../model/config.js';
import type { Inspection } from '../model/inspection.js';
import type { Affine, Point } from '../pose/affine.js';
import type { PartTransform, Region } from '../pose/geometry.js';
import type { Pose, Skeleton } from '../pose/skeleton.js';
import { drawLine, drawPose, wheel } from './draw.js';
import { CELL, drawText } from './font.js';
import { blank, type Colour, contactSheet, fromTensor, type Image, paste, vstack } from './image.js';

/** One pair as it is drawn. */
export interface InspectedPair {
  readonly source: Image;
  readonly target: Image;
  readonly sourcePose: Pose;
  readonly targetPose: Pose;
  readonly transforms: readonly PartTransform[];
  /** What the nearest neighbours are compared by, for the label. */
  readonly features: string;
}

const PAPER: Colour = [250, 250, 248];
const INK: Colour = [30, 30, 34];
const GAP = 6;
/** Pixels that a row of tiles takes at most. */
const WIDE = 1400;

/** A picture and the text above it. */
interface Tile {
  readonly label: string;
  readonly image: Image;
  readonly colour?: Colour;
}

/** Draws everything that `inspectPair` found for one pair as one labelled picture. */
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
    const most = Math.max(4, Math.floor(WIDE / (zoom * width + GAP)));
    const columns = Math.ceil(tiles.length / Math.ceil(tiles.length / most));
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
  const most = found.distance.reduce((a, b) => Math.max(a, b), 1e-9);
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
        section(`nearest neighbours of the ${what} image in the target, by ${pair.features}`, [
          { label: what, image: big(shown) },
          { label: 'target', image: big(pair.target) },
          { label: `distance 0-${Math.ceil(most)}`, image: big(mapImage(found.distance, height, width, most)) },
          { label: 'where', image: big(whereImage(found.nearest, height, width, config.loss.window)) },
          { label: 'key', image: enlarge(whereKey(config.loss.window), 4 * zoom) },
        ]),
      ],
      { gap: 2 * GAP, colour: PAPER },
    ),
  );
}

/** The region of a part in one of the two images: its mask, or what the map makes of it. */
function regionIn(side: 'source' | 'target', { affine, mask }: PartTransform, maskOn: 'source' | 'target'): Region {
  if (typeof mask === 'string' || side === maskOn) return mask;
  const [a, b, c, d, e, f] = affine;
  const det = a * e - b * d;
  if (c <= -1e6 || Math.abs(det) < 1e-9) return 'none';
  const back: Affine = [e / det, -b / det, (b * f - e * c) / det, -d / det, a / det, (d * c - a * f) / det];
  const [p, q, r, s, t, u] = side === 'source' ? affine : back;
  return mask.map(([x, y]): Point => [p * x + q * y + r, s * x + t * y + u]) as unknown as Region;
}

function labelled({ label, image, colour = INK }: Tile): Image {
  const columns = Math.floor(image.width / CELL.width);
  const lines =
    label.length > columns ? [label.slice(0, columns).trimEnd(), label.slice(columns).trimStart()] : [label];
  const sheet = blank(image.width, image.height + 2 * CELL.height + 2, PAPER);
  for (const [i, line] of lines.entries())
    drawText(sheet, line, 0, i * CELL.height + (2 - lines.length) * CELL.height, INK);
  // A bar in the part's colour ties its tile to the maps
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

/** Every pixel `zoom` times as large. */
export function enlarge({ width, height, data }: Image, zoom: number): Image {
  const out = blank(width * zoom, height * zoom);
  for (let y = 0; y < height * zoom; y++)
    for (let x = 0; x < width * zoom; x++) {
      const from = 3 * (Math.floor(y / zoom) * width + Math.floor(x / zoom));
      out.data.set(data.subarray(from, from + 3), 3 * (y * width * zoom + x));
    }
  return out;
}

function dimmed({ width, height, data }: Image, factor: number): Image {
  return { width, height, data: data.map((v) => v * factor) };
}

/** Centre of a pixel of the small image in the enlarged one. */
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

/** Dark blue over red and yellow to white, for values of 0 to 1; perceived as evenly growing. */
const RAMP: readonly Colour[] = [
  [0, 0, 8],
  [70, 15, 110],
  [180, 50, 90],
  [245, 135, 25],
  [250, 250, 170],
];

function ramp(value: number): Colour {
  const t = Math.max(0, Math.min(1, value)) * (RAMP.length - 1);
  const i = Math.min(RAMP.length - 2, Math.floor(t));
  const [a, b] = [RAMP[i] as Colour, RAMP[i + 1] as Colour];
  const mix = (k: 0 | 1 | 2) => Math.round(a[k] + (t - i) * (b[k] - a[k]));
  return [mix(0), mix(1), mix(2)];
}

function pixels(height: number, width: number, colour: (p: number) => Colour): Image {
  const image = blank(width, height);
  for (let p = 0; p < width * height; p++) image.data.set(colour(p), 3 * p);
  return image;
}

const mapImage = (values: Float32Array, h: number, w: number, most: number) =>
  pixels(h, w, (p) => ramp((values[p] as number) / most));

function heatImage(heat: Float32Array, h: number, w: number, joints: number): Image {
  const largest = Float32Array.from({ length: h * w }, (_, p) =>
    heat.subarray(p * joints, (p + 1) * joints).reduce((a, b) => Math.max(a, b), 0),
  );
  return mapImage(largest, h, w, 1);
}

/** The image, dark outside a part's mask. */
function maskImage({ data, width, height }: Image, masks: Uint32Array, part: number): Image {
  return pixels(height, width, (p) => {
    const k = ((masks[p] as number) >>> part) & 1 ? 1 : 0.25;
    return [0, 1, 2].map((c) => (data[3 * p + c] as number) * k) as unknown as Colour;
  });
}

function layerImage(layers: Float32Array, part: number, h: number, w: number): Image {
  const size = h * w * 3;
  const values = layers.subarray(part * size, (part + 1) * size).map((v) => 2 * v - 1);
  return fromTensor(values, w, h);
}

function painted(index: Uint8Array, h: number, w: number, colours: readonly Colour[]): Image {
  return pixels(h, w, (p) => colours[index[p] as number] ?? [0, 0, 0]);
}

/** Colour of a place in the window: the direction as hue, the centre white. */
function whereColour(place: number, window: number): Colour {
  const [dx, dy] = [(place % window) - (window >> 1), Math.floor(place / window) - (window >> 1)];
  if (dx === 0 && dy === 0) return [255, 255, 255];
  const hue = wheel((Math.atan2(dy, dx) / (2 * Math.PI) + 1) % 1, 1);
  const k = Math.max(Math.abs(dx), Math.abs(dy)) / (window >> 1);
  return [0, 1, 2].map((c) => Math.round(255 + k * ((hue[c] as number) - 255))) as unknown as Colour;
}

const whereImage = (nearest: Uint32Array, h: number, w: number, window: number) =>
  pixels(h, w, (p) => whereColour(nearest[p] as number, window));

const whereKey = (window: number) => pixels(window, window, (p) => whereColour(p, window));
