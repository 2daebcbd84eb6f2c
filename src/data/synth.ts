import { COUNT, checked, type Kind, type Kinds, NATURAL, numeric, OBJECT, oneOf } from '../gpu/arguments.js';
import type { Point } from '../pose/affine.js';
import { PERSON, type Pose, type Skeleton } from '../pose/skeleton.js';
import type { Image } from './image.js';
import { type Stream, stream } from './random.js';
import { backdropAt, type Place } from './synth/backdrop.js';
import { type Body, body } from './synth/body.js';
import { composite, develop, extent, light, occluder, paintOver, type Shadow } from './synth/camera.js';
import { figure } from './synth/figure.js';
import { person } from './synth/person.js';
import { Canvas, type Shape } from './synth/raster.js';
import { stance, type Vector } from './synth/stance.js';

export interface SynthOptions {
  readonly seed: number;
  /** The number of the person, from 1 to 9999. Clothes and body depend only on the seed and the identity. */
  readonly identity: number;
  /** The number of the picture of that person, on which pose, view, place and light depend. */
  readonly index: number;
  /** The size of the picture; default 128×64. */
  readonly height?: number;
  readonly width?: number;
  /** `'anywhere'` (default), where something sometimes stands in front of the person, or `'studio'`, where nothing does. */
  readonly place?: Place;
  /** The skeleton of the model that the picture is for (`frameOf`). It must be the person's. */
  readonly skeleton?: Skeleton;
}

const IDENTITY = /* @__PURE__ */ numeric('an integer from 1 to 9999', (v) => COUNT[1](v) && v < 10_000);
export const SIDE = /* @__PURE__ */ numeric('an integer from 1 to 4096', (v) => COUNT[1](v) && v <= 4096);
export const PLACE = /* @__PURE__ */ oneOf('anywhere', 'studio');
export const PICTURE: Kinds = {
  seed: NATURAL,
  identity: IDENTITY,
  index: NATURAL,
  'height?': SIDE,
  'width?': SIDE,
  'place?': PLACE,
};

const OF_PERSON: Kind = [
  'a skeleton with the joints of a person',
  (v) => OBJECT[1](v) && String((v as Skeleton).joints) === String(PERSON.joints),
];

/** A drawn picture with the joints of its person in whole pixels. Hidden joints and those outside are null. */
export interface SynthPicture {
  readonly image: Image;
  readonly pose: Pose;
}

/** A file name in the style of Market-1501, in which the identity is before the first `_`. */
export function synthName(identity: number, index: number): string {
  const pad = (n: number, digits: number) => String(n).padStart(digits, '0');
  return `${pad(identity, 4)}_c${1 + (index % 6)}s1_${pad(index + 1, 6)}_01.png`;
}

/**
 * Draws one picture of a synthetic person, as a pure function of its options: a dressed and lit 3-D body of rounded limbs
 * in front of a backdrop, supersampled. Joints come from the body itself and are exact. As in real annotations, a covered
 * joint is missing. Shoulders and hips are annotated even if they are covered, as pose estimators do, except that in one
 * picture of 25 one of them is missing.
 */
export function drawSynthetic(...args: [options: SynthOptions]): SynthPicture {
  const [options] = checked('drawSynthetic', { options: { ...PICTURE, 'skeleton?': OF_PERSON } }, args);
  const { seed, identity, index, height = 128, width = 64, place = 'anywhere' } = options;
  const random = stream(seed, identity, 2, index);
  const who = person(seed, identity);
  const how = stance(random);
  const seen = body(who, how, view(random), random.uniform(0, 0.2));
  const shapes = figure(who, seen, how.nod);
  const samples = height * width <= 2 ** 14 ? 3 : 2;
  const { scale, left, top } = framing(random, shapes, height, width);
  const canvas = new Canvas(width, height, samples, scale, left, top, light(random));
  for (const shape of shapes) canvas.draw(shape);
  const { draw } = backdropAt(place, random);
  const data = composite(random, canvas, draw, atFeet(seen, canvas));
  const cover = random.chance(place === 'studio' ? 0 : 0.1) ? occluder(random, width, height) : undefined;
  if (cover) paintOver(data, width, height, cover);
  const pose = visibleJoints(random, seen, canvas, (x, y) => cover?.covers(x, y) ?? false);
  return { image: { width, height, data: develop(random, data) }, pose };
}

/** The angle that the person faces: front, back, either side or in between. */
function view(random: Stream): number {
  const kind = random.uniform();
  const base = kind < 0.36 ? 0 : kind < 0.6 ? Math.PI : kind < 0.78 ? Math.PI / 2 : -Math.PI / 2;
  return base + random.normal(0, 0.28);
}

/** Frames the person to nearly all of the height, sometimes without the feet, never without the head. */
function framing(random: Stream, shapes: readonly Shape[], height: number, width: number) {
  const [x0, y0, x1, y1] = extent(shapes);
  const close = random.chance(0.12) ? random.uniform(1.1, 1.25) : 1;
  const scale = Math.min((random.uniform(0.84, 0.98) * close * height) / (y1 - y0), (1.16 * width) / (x1 - x0));
  const spareX = Math.max(0, width - scale * (x1 - x0));
  const left =
    width / 2 - (scale * (x0 + x1)) / 2 + random.uniform(-0.35, 0.35) * spareX * Math.min(1, (0.5 * height) / width);
  const spareY = height - scale * (y1 - y0);
  const top = (spareY > 0 ? random.uniform(0.25, 0.75) * spareY : 0.02 * height) - scale * y0;
  return { scale, left: left - 0.5, top: top - 0.5 };
}

/** The shadow on the ground at the person's feet. */
function atFeet({ joints }: Body, { scale, left, top }: Canvas): Shadow {
  const [right, other] = [joints.right_ankle, joints.left_ankle] as [Vector, Vector];
  return {
    x: left + (scale * (right[0] + other[0])) / 2,
    y: top + scale * (Math.max(right[1], other[1]) + 0.03),
    across: scale * (0.13 + Math.abs(right[0] - other[0]) / 2),
    deep: scale * 0.04,
  };
}

/** How far behind a surface a joint may be so that the surface counts as its own limb's, in statures. */
const COVER = { nose: 0.02, eye: 0.025, ear: 0.035, neck: 0.09, wrist: 0.05, elbow: 0.06, knee: 0.075, ankle: 0.06 };

function visibleJoints(
  random: Stream,
  { joints }: Body,
  canvas: Canvas,
  hidden: (x: number, y: number) => boolean,
): (Point | null)[] {
  const lost = random.chance(0.04) ? random.pick(PERSON.trunk.joints) : undefined;
  return PERSON.joints.map((name) => {
    const at = joints[name] as Vector;
    const x = Math.round(canvas.left + canvas.scale * at[0]);
    const y = Math.round(canvas.top + canvas.scale * at[1]);
    if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return null;
    if (PERSON.trunk.joints.includes(name)) return name === lost ? null : [x, y];
    const kind = name.replace(/^(right|left)_/, '') as keyof typeof COVER;
    return hidden(x, y) || canvas.depthAt(at) > at[2] + COVER[kind] ? null : [x, y];
  });
}
