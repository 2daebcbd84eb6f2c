import { COUNT, checked, F32, FRACTION, type Kinds } from '../gpu/arguments.js';
import { describeNonFinite, PoseGanError, UsageError } from '../gpu/errors.js';
import { decodeBoxes, defaultBoxes, SSD_BOXES, suppress } from './ssd-boxes.js';

/** The classes of Pascal VOC in SSD300's order. The background comes first. */
export const VOC_CLASSES = [
  ...['background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow'],
  ...['diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'],
] as const;
const CLASSES = VOC_CLASSES.length;
const PERSON = VOC_CLASSES.indexOf('person');
/** A box with this confidence or less is no detection. */
const THRESHOLD = 0.01;

/** An object that SSD300 has found. */
export interface Detection {
  /** The index of its class in `VOC_CLASSES`, from 1 on. */
  readonly label: number;
  /** The confidence, in (0, 1). */
  readonly score: number;
  /** [left, top, right, bottom] in units of the image's width and height. A box can reach beyond the image. */
  readonly box: readonly [x0: number, y0: number, x1: number, y1: number];
}

export interface DetectionOptions {
  /** Boxes with this confidence or less are no detections. Default: 0.01. */
  threshold?: number;
  /** Of two detections of a class that share more than this part of their union, the less confident one is dropped. Default: 0.45. */
  overlap?: number;
  /** The number of boxes of a class that are considered, which are the most confident ones. Default: 200. */
  keep?: number;
}

/** Throws `UsageError` if an output has another length than that of one image, and `PoseGanError` if values are NaN or infinite. */
function checkOutput(name: 'loc' | 'conf', values: Float32Array): void {
  const size = SSD_BOXES * (name === 'loc' ? 4 : CLASSES);
  if (values.length !== size)
    throw new UsageError(`SSD300’s ${name} has ${size} values for an image, got ${values.length}`);
  let count = 0;
  for (const v of values) if (!Number.isFinite(v)) count++;
  if (count)
    throw new PoseGanError(
      `${describeNonFinite([{ name: `SSD300’s ${name}`, count, size }])}: install its weights again with pose-gan weights`,
    );
}

/** The soft-max over the classes of every box, [8732, 21]. */
function confidences(conf: Float32Array): Float64Array {
  const out = new Float64Array(conf.length);
  for (let at = 0; at < conf.length; at += CLASSES) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = at; c < at + CLASSES; c++) largest = Math.max(largest, conf[c] as number);
    let sum = 0;
    for (let c = at; c < at + CLASSES; c++) {
      const e = Math.exp((conf[c] as number) - largest);
      out[c] = e;
      sum += e;
    }
    for (let c = at; c < at + CLASSES; c++) out[c] = (out[c] as number) / sum;
  }
  return out;
}

let defaults: Float64Array | undefined;

/**
 * The objects in an image, by class and falling confidence, from SSD300's `loc` [8732, 4] and `conf` [8732, 21] of that image. Of each
 * class but the background it takes the boxes above the threshold, keeps the most confident ones, and drops those that overlap a more
 * confident one (Liu et al. 2016, §2.2 and §3). Of equally confident boxes the first counts as more confident. Throws `UsageError`
 * for arrays of another length, and `PoseGanError` if values are NaN or infinite.
 */
export function ssdDetections(
  ...args: [loc: Float32Array, conf: Float32Array, options?: DetectionOptions]
): Detection[] {
  const options: Kinds = { 'threshold?': FRACTION, 'overlap?': FRACTION, 'keep?': COUNT };
  const [loc, conf, given = {}] = checked('ssdDetections', { loc: F32, conf: F32, 'options?': options }, args);
  const { threshold = THRESHOLD, overlap = 0.45, keep = 200 } = given;
  checkOutput('loc', loc);
  checkOutput('conf', conf);
  const scores = confidences(conf);
  defaults ??= defaultBoxes();
  const boxes = decodeBoxes(loc, defaults);
  const found: Detection[] = [];
  for (let label = 1; label < CLASSES; label++) {
    const score = (box: number) => scores[box * CLASSES + label] as number;
    const candidates: number[] = [];
    for (let box = 0; box < SSD_BOXES; box++) if (score(box) > threshold) candidates.push(box);
    candidates.sort((a, b) => score(b) - score(a));
    for (const i of suppress(boxes, candidates.slice(0, keep), overlap)) {
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * i, 4 * i + 4);
      found.push({ label, score: score(i), box: [x0, y0, x1, y1] });
    }
  }
  return found;
}

/**
 * The largest confidence of a person in an image, in [0, 1], from SSD300's `conf` [8732, 21]. It is that of the most confident
 * detection, as suppression never drops that one. An image without a detection, that is with no confidence above 0.01, scores 0.
 * Throws `UsageError` for an array of another length, and `PoseGanError` if values are NaN or infinite.
 */
export function personScore(...args: [conf: Float32Array]): number {
  const [conf] = checked('personScore', { conf: F32 }, args);
  checkOutput('conf', conf);
  const scores = confidences(conf);
  let best = 0;
  for (let at = PERSON; at < scores.length; at += CLASSES) best = Math.max(best, scores[at] as number);
  return best > THRESHOLD ? best : 0;
}
