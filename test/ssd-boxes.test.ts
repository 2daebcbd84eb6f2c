import { describe, expect, test } from 'vitest';
import { decodeBoxes, defaultBoxes, SSD_BOXES, suppress } from '../src/evaluation/ssd-boxes.js';
import { personScore, ssdDetections, VOC_CLASSES } from '../src/evaluation/ssd-detections.js';
import { PoseGanError, UsageError } from '../src/gpu/errors.js';
import { formulaTensors } from '../src/verify/formula.js';

const CLASSES = VOC_CLASSES.length;
const PERSON = 15;
const CAT = 8;
const near = (values: readonly number[]) => values.map((v) => expect.closeTo(v, 12));

describe('default boxes', () => {
  const boxes = defaultBoxes();
  const box = (i: number) => [...boxes.subarray(4 * i, 4 * i + 4)];

  test('cover six maps', () => {
    expect(boxes.length).toBe(4 * SSD_BOXES);
    // The number of the first box of each map, and its centre and side.
    for (const [i, centre, side] of [
      [0, 4, 30],
      [38 * 38 * 4, 8, 60],
      [5776 + 19 * 19 * 6, 16, 111],
      [7942 + 10 * 10 * 6, 32, 162],
      [8542 + 5 * 5 * 6, 50, 213],
      [8692 + 3 * 3 * 4, 150, 264],
    ] as const)
      expect(box(i)).toEqual(near([centre, centre, side, side].map((v) => v / 300)));
  });

  test('are two squares and a wide and a tall box of the first square’s area for each ratio', () => {
    const [x, y] = [3.5 * (16 / 300), 2.5 * (16 / 300)];
    const first = 5776 + (2 * 19 + 3) * 6;
    const [two, three] = [Math.sqrt(2), Math.sqrt(3)];
    expect(box(first)).toEqual(near([x, y, 0.2, 0.2]));
    expect(box(first + 1)).toEqual(near([x, y, Math.sqrt(0.2 * 0.37), Math.sqrt(0.2 * 0.37)]));
    expect(box(first + 2)).toEqual(near([x, y, 0.2 * two, 0.2 / two]));
    expect(box(first + 3)).toEqual(near([x, y, 0.2 / two, 0.2 * two]));
    expect(box(first + 4)).toEqual(near([x, y, 0.2 * three, 0.2 / three]));
    expect(box(first + 5)).toEqual(near([x, y, 0.2 / three, 0.2 * three]));
  });
});

test('a box is moved by tenths of its size and scaled by exp of a fifth', () => {
  const loc = [1, -1, 0, 5 * Math.LN2, 0, 0, 0, 0];
  const boxes = decodeBoxes(loc, [0.5, 0.5, 0.2, 0.4, 0.5, 0.5, 1, 1]);
  expect([...boxes]).toEqual(near([0.42, 0.06, 0.62, 0.86, 0, 0, 1, 1]));
});

describe('suppression', () => {
  // The second and the third are halves of the first, and have a third of their union in common.
  const boxes = Float64Array.of(0, 0, 4, 1, 0, 0, 2, 1, 1, 0, 3, 1, 5, 5, 5, 5, 5, 5, 5, 5);

  test('drops what overlaps a kept box by more than the limit', () => {
    expect(suppress(boxes, [0, 1], 0.5)).toEqual([0, 1]);
    expect(suppress(boxes, [0, 1], 0.49)).toEqual([0]);
    expect(suppress(boxes, [1, 0], 0.49)).toEqual([1]);
  });

  test('is not done by boxes that were dropped themselves', () => {
    expect(suppress(boxes, [1, 2], 0.33)).toEqual([1]);
    expect(suppress(boxes, [1, 2], 0.34)).toEqual([1, 2]);
    expect(suppress(boxes, [0, 1, 2], 0.34)).toEqual([0]);
    const chain = Float64Array.of(0, 0, 2, 1, 1, 0, 3, 1, 2, 0, 4, 1);
    expect(suppress(chain, [0, 1, 2], 0.33)).toEqual([0, 2]);
  });

  test('keeps boxes without area', () => {
    expect(suppress(boxes, [3, 4], 0)).toEqual([3, 4]);
    expect(suppress(boxes, [], 0)).toEqual([]);
  });
});

/** Computed in float64 by a program in NumPy. */
const NUMPY = {
  counts: [0, 14, 15, 14, 13, 14, 14, 13, 14, 13, 14, 17, 12, 14, 12, 14, 15, 16, 15, 17, 15],
  /** The first three persons: score, left, top, right, bottom. */
  persons: [
    [0.9997389, 0.6465972, 0.3350305, 0.7504959, 0.4198805],
    [0.9984002, 0.8033511, 0.6858883, 0.9895293, 1.1897762],
    [0.9981119, 0.6272827, 0.9627134, 0.7832245, 1.0469955],
  ],
  /** The sums of these five over all detections. */
  sums: [276.57864732, 130.84176726, 126.46604127, 173.76245795, 169.41794861],
};

/** `loc` of zeros, and `conf` in which every box is background but for the given logits above it. */
function outputs(logits: Readonly<Record<number, Readonly<Record<number, number>>>> = {}) {
  const conf = new Float32Array(SSD_BOXES * CLASSES).fill(-1000);
  for (let box = 0; box < SSD_BOXES; box++) conf[box * CLASSES] = 0;
  for (const [box, classes] of Object.entries(logits))
    for (const [c, logit] of Object.entries(classes)) conf[Number(box) * CLASSES + Number(c)] = logit;
  return { loc: new Float32Array(SSD_BOXES * 4), conf };
}

describe('detections', () => {
  test('are none where all is background, and the image scores 0', () => {
    const { loc, conf } = outputs();
    expect(ssdDetections(loc, conf)).toEqual([]);
    expect(personScore(conf)).toBe(0);
  });

  test('come by class and falling confidence', () => {
    // exp(ln 3) of exp(ln 3) + 1 is ¾; ln 9 gives 0.9, and −ln 9 gives 0.1.
    const [person, cat] = [PERSON, CAT];
    const { loc, conf } = outputs({
      0: { [person]: Math.log(3) },
      5000: { [person]: Math.log(9), [cat]: -20 },
      8731: { [cat]: -Math.log(9) },
    });
    const found = ssdDetections(loc, conf);
    expect(found.map(({ label, score }) => [VOC_CLASSES[label], Math.round(1e6 * score) / 1e6])).toEqual([
      ['cat', 0.1],
      ['person', 0.9],
      ['person', 0.75],
    ]);
    const [w, h] = [0.44 / Math.SQRT2, 0.44 * Math.SQRT2];
    expect(found[0]?.box).toEqual(near([0.5 - w, 0.5 - h, 0.5 + w, 0.5 + h]));
    expect(personScore(conf)).toBeCloseTo(0.9, 6);
  });

  test('must be above the threshold', () => {
    const { loc, conf } = outputs({ 7: { [PERSON]: -Math.log(99.1) }, 5000: { [PERSON]: -Math.log(98.9) } });
    expect(ssdDetections(loc, conf).map(({ score }) => score)).toEqual([expect.closeTo(1 / 99.9, 7)]);
    expect(ssdDetections(loc, conf, { threshold: 0.009 })).toHaveLength(2);
    expect(personScore(conf)).toBeCloseTo(1 / 99.9, 7);
    expect(personScore(outputs({ 7: { [PERSON]: -Math.log(99.1) } }).conf)).toBe(0);
  });

  test('of equal confidence are taken in the order of the boxes', () => {
    // Boxes 0 and 4 are neighbours of 30×30 pixels, 8 pixels apart, which share 22/38 of their union.
    const { loc, conf } = outputs({ 0: { [PERSON]: 2 }, 4: { [PERSON]: 2 } });
    const [first, ...others] = ssdDetections(loc, conf);
    expect(others).toEqual([]);
    expect(first?.box[0]).toBeCloseTo((4 - 15) / 300, 12);
    expect(ssdDetections(loc, conf, { overlap: 0.58 })).toHaveLength(2);
    // Another class does not suppress.
    expect(ssdDetections(loc, outputs({ 0: { [PERSON]: 2 }, 4: { [CAT]: 2 } }).conf)).toHaveLength(2);
  });

  test('are taken from the most confident boxes of a class', () => {
    // Every fifth pixel of the first map in both directions: 64 squares of 30×30 pixels, 40 pixels apart.
    const boxes = Array.from({ length: 64 }, (_, i) => 4 * (5 * Math.floor(i / 8) * 38 + 5 * (i % 8)));
    const { loc, conf } = outputs(Object.fromEntries(boxes.map((box, i) => [box, { [PERSON]: 2 + i / 64 }])));
    expect(ssdDetections(loc, conf)).toHaveLength(64);
    const [best, ...others] = ssdDetections(loc, conf, { keep: 3 });
    expect(others).toHaveLength(2);
    expect(best?.box[2]).toBeCloseTo((7 * 40 + 4 + 15) / 300, 12);
  });

  test('are those of a program in NumPy', () => {
    const conf = formulaTensors(3)('conf', [SSD_BOXES, CLASSES]).map((v) => 24 * v);
    const found = ssdDetections(formulaTensors(3)('loc', [SSD_BOXES, 4]), conf, {
      threshold: 0.9,
      overlap: 0.02,
      keep: 25,
    });
    const counts = VOC_CLASSES.map((_, label) => found.filter((d) => d.label === label).length);
    expect(counts).toEqual(NUMPY.counts);
    const rows = found.map(({ score, box }) => [score, ...box]);
    expect(rows.slice(found.findIndex(({ label }) => label === PERSON)).slice(0, 3)).toEqual(
      NUMPY.persons.map((row) => row.map((v) => expect.closeTo(v, 6))),
    );
    const sums = [0, 1, 2, 3, 4].map((i) => rows.reduce((sum, row) => sum + (row[i] as number), 0));
    expect(sums).toEqual(NUMPY.sums.map((v) => expect.closeTo(v, 5)));
    expect(personScore(conf)).toBe(rows[counts.slice(0, PERSON).reduce((a, b) => a + b, 0)]?.[0]);
  });

  test('are refused for NaN, infinities and results of another length', () => {
    const { loc, conf } = outputs();
    const bad = conf.slice();
    bad[100] = Number.NaN;
    expect(() => ssdDetections(loc, bad)).toThrow(/1 of the 183372 values of SSD300’s conf are NaN/);
    expect(() => personScore(bad)).toThrow(PoseGanError);
    bad[100] = Number.POSITIVE_INFINITY;
    expect(() => personScore(bad)).toThrow(/NaN or infinite/);
    expect(() => ssdDetections(loc.fill(Number.NaN, 0, 2), conf)).toThrow(/2 of the 34928 values of SSD300’s loc/);
    expect(() => personScore(conf.subarray(1))).toThrow(UsageError);
    expect(() => ssdDetections(conf, loc)).toThrow(/loc has 34928 values for an image, got 183372/);
    expect(() => ssdDetections(loc, conf, { threshold: 1 })).toThrow(/threshold must be in \[0, 1\)/);
  });
});
