import lampJson from '../../skeletons/lamp.json' with { type: 'json' };
import { checked } from '../gpu/arguments.js';
import type { Point } from '../pose/affine.js';
import { parseSkeleton, type Skeleton } from '../pose/skeleton.js';
import { type Stream, stream } from './random.js';
import { backdropAt } from './synth/backdrop.js';
import { composite, develop, extent, light, occluder, paintOver } from './synth/camera.js';
import { bend, lamp, type SeenLamp, seenLamp } from './synth/lamp.js';
import { Canvas } from './synth/raster.js';
import { PICTURE, type SynthOptions, type SynthPicture } from './synth.js';

/** A desk lamp: a foot, two arms and a head with a shade. It shows that objects other than people can be trained too. */
export const LAMP: Skeleton = parseSkeleton(lampJson, 'skeletons/lamp.json');

/**
 * Draws one picture of a synthetic desk lamp, as a pure function of its options. Shapes and colours depend on the identity;
 * bend, view, light and place depend on the picture. Joints are exact. A covered joint is missing, and so is the bulb if it
 * is turned away. Like a person's trunk, the foot is annotated even if it is covered, except that in one picture of 25 one
 * of its joints is missing.
 */
export function drawLamp(...args: [options: SynthOptions]): SynthPicture {
  const [options] = checked('drawLamp', { options: PICTURE }, args);
  const { seed, identity, index, height = 128, width = 64, place = 'anywhere' } = options;
  const random = stream(seed, identity, 4, index);
  const what = lamp(seed, identity);
  const seen = seenLamp(what, bend(random, what));
  const samples = height * width <= 2 ** 14 ? 3 : 2;
  const background = backdropAt(place, random);
  const { scale, left, top } = framing(random, seen, height, width, background.horizon);
  const canvas = new Canvas(width, height, samples, scale, left, top, light(random));
  for (const shape of seen.shapes) canvas.draw(shape);
  const radius = scale * what.foot.below;
  const shadow = { x: left, y: top + 0.15 * radius, across: 1.25 * radius, deep: 0.4 * radius };
  const data = composite(random, canvas, background.draw, shadow);
  const cover = random.chance(place === 'studio' ? 0 : 0.1) ? occluder(random, width, height) : undefined;
  if (cover) paintOver(data, width, height, cover);
  const pose = visibleJoints(random, seen, canvas, (x, y) => cover?.covers(x, y) ?? false);
  return { image: { width, height, data: develop(random, data) }, pose };
}

/** Frames the whole lamp so that it stands on the ground, if there is room, rather than in front of the wall. */
function framing(random: Stream, { shapes }: SeenLamp, height: number, width: number, horizon: number) {
  const [x0, y0, x1, y1] = extent(shapes);
  const fit = Math.min((0.98 * height) / (y1 - y0), (0.98 * width) / (x1 - x0));
  const scale = fit * random.uniform(0.85, 1);
  const left = random.uniform() * (width - scale * (x1 - x0)) - scale * x0;
  // The foot is at 0, so `top` is its row
  const lowest = height - scale * y1;
  const highest = Math.max(-scale * y0, Math.min(lowest, (horizon + 0.05) * height));
  return { scale, left: left - 0.5, top: random.uniform(highest, lowest) - 0.5 };
}

/** How far background a surface a joint may be and still count as visible. */
const COVER: Readonly<Record<string, number>> = { hinge: 0.08, elbow: 0.08, head: 0.1, bulb: 0.09 };
const RIM = 0.05;

function visibleJoints(
  random: Stream,
  { joints }: SeenLamp,
  canvas: Canvas,
  hidden: (x: number, y: number) => boolean,
): (Point | null)[] {
  const lost = random.chance(0.04) ? random.pick(LAMP.trunk.joints) : undefined;
  return LAMP.joints.map((name) => {
    const at = joints[name];
    if (!at || name === lost) return null;
    const x = Math.round(canvas.left + canvas.scale * at[0]);
    const y = Math.round(canvas.top + canvas.scale * at[1]);
    if (x < 0 || y < 0 || x >= canvas.width || y >= canvas.height) return null;
    if (LAMP.trunk.joints.includes(name)) return [x, y];
    return hidden(x, y) || canvas.depthAt(at) > at[2] + (COVER[name] ?? RIM) ? null : [x, y];
  });
}
