import { crop } from '../data/image.js';
import { UsageError } from '../gpu/errors.js';
import type { EvaluatedPair } from './scorer.js';

/** How images are prepared before they are compared. */
export interface Protocol {
  /** What is done, in words. */
  readonly title: string;
  readonly height: number;
  readonly width: number;
  readonly prepare: (pair: EvaluatedPair) => EvaluatedPair;
}

/** The widths of DeepFashion's two protocols: the paper's, and that of PATN and its successors, who cut off white margins. */
const FASHION = { '256x256': 256, '256x176': 176 } as const;
type Name = keyof typeof FASHION;
const isName = (name: string): name is Name => Object.hasOwn(FASHION, name);

/**
 * The protocol of a name for images of a size. Without a name, images are compared as they are. `256x176` compares the middle 176
 * columns of images of 256×256; images of 256×176 stay as they are. Throws `UsageError` for other names and sizes.
 */
export function protocolOf(name: string | undefined, height: number, width: number): Protocol {
  const whole = { title: 'whole images', height, width, prepare: (pair: EvaluatedPair) => pair };
  if (name === undefined) return whole;
  if (!isName(name)) throw new UsageError(`--protocol must be ${Object.keys(FASHION).join(' or ')}, got "${name}"`);
  const wanted = FASHION[name];
  if (height !== 256 || (width !== 256 && width !== wanted))
    throw new UsageError(
      `--protocol ${name} compares images of 256×${wanted}, cut from 256×256 if necessary; these are ${height}×${width} (height×width). ` +
        'Fix: leave --protocol out to compare them as they are',
    );
  if (width === wanted) return { ...whole, title: `whole images of ${height}×${width}` };
  const left = (width - wanted) / 2;
  return {
    title: `the middle ${wanted} columns of images of ${height}×${width}`,
    height,
    width: wanted,
    prepare: ({ source, target, generated, pose, ...pair }) => ({
      ...pair,
      source: crop(source, left, wanted),
      target: crop(target, left, wanted),
      generated: crop(generated, left, wanted),
      ...(pose && { pose: pose.map((joint) => joint && ([joint[0] - left, joint[1]] as const)) }),
    }),
  };
}
