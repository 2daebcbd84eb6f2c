import type { Point } from '../pose/affine.js';
import { PERSON, type Pose } from '../pose/skeleton.js';
import type { Image } from './image.js';
import { type Stream, stream } from './random.js';
import { backdrop } from './synth/backdrop.js';
import { type Body, body } from './synth/body.js';
import { hsl, type Tint } from './synth/fabric.js';
import { figure } from './synth/figure.js';
import { person } from './synth/person.js';
import { Canvas, type Light, type Shape } from './synth/raster.js';
import { stance, type Vector } from './synth/stance.js';

export interface SynthOptions {
  readonly seed: number;
  /** 1 to 9999: who. Clothes and body depend on seed and identity alone. */
  readonly identity: number;
  /** Which picture of that person: pose, view, place and light depend on it. */
  readonly index: number;
  /** Size of the picture; 128×64 by default. */
  readonly height?: number;
  readonly width?: number;
}

/** A drawn picture with the joints of its person, in whole pixels; hidden ones and those outside are null. */
export interface SynthPicture {
  readonly image: Image;
  readonly pose: Pose;
}

/** A file name in the manner of Market-1501; the identity is before the first `_`. */
export function synthName(identity: number, index: number): string {
  const pad = (n: number, digits: number) => String(n).padStart(digits, '0');
  return `${pad(identity, 4)}_c${1 + (index % 6)}s1_${pad(index + 1, 6)}_01.png`;
}

/**
 * Draws one picture of a synthetic person: a body of rounded limbs in 3-D, dressed, lit, in front of a place,
 * supersampled. A pure function of its options. Joints come from the body itself and are exact; one that something else
 * covers is missing, as in real annotations. Shoulders and hips are annotated when covered, as pose estimators do, but
 * for one picture in 25.
 */
export function drawSynthetic({ seed, identity, index, height = 128, width = 64 }: SynthOptions): SynthPicture {
  const random = stream(seed, identity, 2, index);
  const who = person(seed, identity);
  const how = stance(random);
  const seen = body(who, how, view(random), random.uniform(0, 0.2));
  const shapes = figure(who, seen, how.nod);
  const samples = height * width <= 2 ** 14 ? 3 : 2;
  const { scale, left, top } = framing(random, shapes, height, width);
  const canvas = new Canvas(width, height, samples, scale, left, top, light(random));
  for (const shape of shapes) canvas.draw(shape);
  const place = backdrop(random);
  const data = composite(random, canvas, place.draw, seen);
  const cover = random.chance(0.1) ? occluder(random, width, height) : undefined;
  if (cover) paintOver(data, width, height, cover);
  const pose = visibleJoints(random, seen, canvas, (x, y) => cover?.covers(x, y) ?? false);
  return { image: { width, height, data: develop(random, data) }, pose };
}

/** Where the person faces: front, back, either side or between. */
function view(random: Stream): number {
  const kind = random.uniform();
  const base = kind < 0.36 ? 0 : kind < 0.6 ? Math.PI : kind < 0.78 ? Math.PI / 2 : -Math.PI / 2;
  return base + random.normal(0, 0.28);
}

function light(random: Stream): Light {
  const [x, y, z] = [random.uniform(-0.8, 0.8), random.uniform(-0.9, -0.3), random.uniform(0.5, 1)];
  const length = Math.hypot(x, y, z);
  return { direction: [x / length, y / length, z / length], ambient: random.uniform(0.5, 0.72) };
}

/** How the camera holds the person: nearly all of the height, sometimes without the feet, never without the head. */
function framing(random: Stream, shapes: readonly Shape[], height: number, width: number) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const shape of shapes) {
    const reach = shape.kind === 'tube' ? Math.max(...shape.profile) : shape.radii[1];
    for (const [x, y] of shape.kind === 'tube' ? [shape.from, shape.to] : [shape.centre]) {
      x0 = Math.min(x0, x - reach);
      x1 = Math.max(x1, x + reach);
      y0 = Math.min(y0, y - reach);
      y1 = Math.max(y1, y + reach);
    }
  }
  const close = random.chance(0.12) ? random.uniform(1.1, 1.25) : 1;
  const scale = Math.min((random.uniform(0.84, 0.98) * close * height) / (y1 - y0), (1.16 * width) / (x1 - x0));
  const spareX = Math.max(0, width - scale * (x1 - x0));
  const left =
    width / 2 - (scale * (x0 + x1)) / 2 + random.uniform(-0.35, 0.35) * spareX * Math.min(1, (0.5 * height) / width);
  const spareY = height - scale * (y1 - y0);
  const top = (spareY > 0 ? random.uniform(0.25, 0.75) * spareY : 0.02 * height) - scale * y0;
  return { scale, left: left - 0.5, top: top - 0.5 };
}

/** Figure over background with a shadow at the feet: H×W×3 values, 0 to 255. */
function composite(
  random: Stream,
  { width, height, samples, columns, depth, colour, scale, left, top }: Canvas,
  draw: (x: number, y: number, out: Float64Array) => void,
  { joints }: Body,
): Float64Array {
  const [right, other] = [joints.right_ankle, joints.left_ankle] as [Vector, Vector];
  const feet = {
    x: left + (scale * (right[0] + other[0])) / 2,
    y: top + scale * (Math.max(right[1], other[1]) + 0.03),
  };
  const spread = { x: scale * (0.13 + Math.abs(right[0] - other[0]) / 2), y: scale * 0.04 };
  const strength = random.uniform(0.25, 0.55);
  const data = new Float64Array(width * height * 3);
  const out = new Float64Array(3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let hits = 0;
      let [r, g, b] = [0, 0, 0];
      for (let j = 0; j < samples; j++)
        for (let i = 0; i < samples; i++) {
          const at = (y * samples + j) * columns + x * samples + i;
          if (depth[at] === Number.NEGATIVE_INFINITY) continue;
          hits++;
          r += colour[3 * at] as number;
          g += colour[3 * at + 1] as number;
          b += colour[3 * at + 2] as number;
        }
      const total = samples * samples;
      let shade = 0;
      out.fill(0);
      if (hits < total) {
        draw((x + 0.5) / height, (y + 0.5) / height, out);
        const distance = ((x - feet.x) / spread.x) ** 2 + ((y - feet.y) / spread.y) ** 2;
        shade = ((total - hits) / total) * (1 - strength * Math.exp(-distance));
      }
      const to = 3 * (y * width + x);
      data[to] = r / total + shade * (out[0] as number);
      data[to + 1] = g / total + shade * (out[1] as number);
      data[to + 2] = b / total + shade * (out[2] as number);
    }
  return data;
}

interface Occluder {
  readonly colour: Tint;
  covers(x: number, y: number): boolean;
}

/** Something between camera and person: a pole, or a low wall or hedge before the legs. */
function occluder(random: Stream, width: number, height: number): Occluder {
  const colour = hsl(random.uniform(0.05, 0.4), random.uniform(0.05, 0.35), random.uniform(0.2, 0.55));
  if (random.chance(0.4)) {
    const [centre, half] = [random.uniform(0.1, 0.9) * width, random.uniform(0.02, 0.04) * height];
    return { colour, covers: (x) => Math.abs(x - centre) < half };
  }
  const from = random.uniform(0.74, 0.9) * height;
  const [wave, phase] = [random.chance(0.5) ? 0.02 * height : 0, random.uniform(0, 6)];
  return { colour, covers: (x, y) => y > from + wave * Math.sin((20 * x) / height + phase) };
}

function paintOver(data: Float64Array, width: number, height: number, { colour, covers }: Occluder): void {
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!covers(x, y)) continue;
      const k = 0.95 + 0.05 * Math.sin(0.9 * x) * Math.sin(0.7 * y);
      for (let c = 0; c < 3; c++) data[3 * (y * width + x) + c] = (colour[c] as number) * k;
    }
}

/** Exposure, contrast, tint and grain of a camera, and rounding to 8 bits. */
function develop(random: Stream, data: Float64Array): Uint8Array {
  const exposure = random.uniform(0.85, 1.22);
  const warm = random.uniform(-0.06, 0.06);
  const gains = [exposure * (1 + warm), exposure, exposure * (1 - warm)];
  const contrast = random.uniform(0.88, 1.1);
  const lift = random.uniform(-6, 10);
  const grain = random.uniform(1, 5);
  const bytes = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = (data[i] as number) * (gains[i % 3] as number);
    // A clamped array rounds to nearest by itself.
    bytes[i] = 128 + contrast * (value - 128) + lift + grain * (2 * random.uniform() - 1);
  }
  return new Uint8Array(bytes.buffer);
}

/** How far behind a surface a joint may lie and still be its own limb's, in statures. */
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
