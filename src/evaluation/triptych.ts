import type { Image } from '../data/image.js';
import { crop } from '../data/image.js';
import { describe } from '../data/json.js';
import { UsageError } from '../gpu/errors.js';

/** The panels of a picture from left to right, by name. */
export type Layout = readonly string[];

const NEEDED = ['source', 'target', 'generated'] as const;
export const DEFAULT_LAYOUT = NEEDED.join(',');
/** The pixels between the panels that this package itself writes (`pose-gan generate`); others write none. */
const GAPS = [0, 2] as const;
const MAX_PANELS = 16;

/** Parses `source,pose,target,generated`. Every other word is a panel to ignore. Throws `UsageError` that says what is missing. */
export function parseLayout(text: string): Layout {
  const words = text.split(',').map((word) => word.trim());
  const refuse = (why: string) =>
    new UsageError(
      `--layout ${describe(text)} ${why}. It names the panels from left to right, each of ${NEEDED.join(', ')} once, and any other ` +
        'word for a panel to ignore, as in source,pose,target,generated',
    );
  if (words.some((word) => !/^\w[\w-]*$/.test(word))) throw refuse('has a panel without a name');
  if (words.length > MAX_PANELS) throw refuse(`has ${words.length} panels; ${MAX_PANELS} are possible`);
  for (const word of NEEDED) {
    const count = words.filter((w) => w === word).length;
    if (count !== 1) throw refuse(count ? `names ${word} ${count} times` : `has no ${word}`);
  }
  return words;
}

/** How the panels lie in a picture. */
export interface Panels {
  readonly layout: Layout;
  readonly width: number;
  readonly height: number;
  readonly gap: number;
}

/** The widths of a panel, with the gaps for which a picture has this number of equal panels. */
const fitting = (width: number, count: number) =>
  GAPS.map((gap) => ({ gap, width: (width - gap * (count - 1)) / count })).filter(
    (p) => Number.isInteger(p.width) && p.width > 0,
  );

const isWhite = ({ width, height, data }: Image, from: number, count: number) => {
  for (let y = 0; y < height; y++)
    for (let i = 3 * (y * width + from); i < 3 * (y * width + from + count); i++) if (data[i] !== 255) return false;
  return true;
};

/**
 * The panels of a picture. They are equally wide and lie side by side, or with the white gap of this package's own triptychs.
 * Throws `UsageError` that says which numbers of panels would fit.
 */
export function panelsOf(picture: Image, layout: Layout, file: string): Panels {
  const { width, height } = picture;
  const found = fitting(width, layout.length).find(({ gap, width: panel }) =>
    layout.slice(1).every((_, i) => isWhite(picture, (i + 1) * panel + i * gap, gap)),
  );
  if (found) return { layout, height, ...found };
  const others = [2, 3, 4, 5, 6].filter((n) => n !== layout.length && width % n === 0);
  const hint = others.length
    ? `${others.map((n) => `${n} panels would be ${width / n} wide`).join(', ')}. Fix: name the panels with --layout`
    : 'Fix: give pictures of panels that are equally wide and have nothing between them';
  throw new UsageError(
    `${file} is ${width} pixels wide, which is not ${layout.length} equal panels (${layout.join(', ')}); ${hint}`,
  );
}

/** The size of a picture with these panels. */
export const sheetSize = ({ layout, width, height, gap }: Panels) => ({
  height,
  width: layout.length * width + (layout.length - 1) * gap,
});

/** Cuts a picture into source, target and generated image. */
export function cut(picture: Image, { layout, width, gap }: Panels) {
  const panel = (name: string) => crop(picture, layout.indexOf(name) * (width + gap), width);
  return { source: panel('source'), target: panel('target'), generated: panel('generated') };
}

const EXTENSION = /\.(?:png|jpe?g)$/i;
/** What some systems add to a file name. */
const AFTER = /_+(?:vis|generated|fake)$/i;

/**
 * The images whose names a triptych's file name joins, as in `a.jpg_b.jpg.png`. With the names of a table (`known`, which gives a
 * name as the table has it) it is wherever both halves are in it, also in `a_2_b.png`, which means a to b; without one, where the first
 * name ends with an extension. It is `undefined` for another file name.
 */
export function pairOfFile(
  file: string,
  known?: (name: string) => string | undefined,
): readonly [source: string, target: string] | undefined {
  const base = file.replace(EXTENSION, '').replace(AFTER, '');
  if (known)
    for (const between of [/^_+/, /^_+2_+/])
      for (let at = base.indexOf('_'); at > 0; at = base.indexOf('_', at + 1)) {
        const source = known(base.slice(0, at));
        const target = source === undefined ? undefined : known(base.slice(at).replace(between, ''));
        if (source !== undefined && target !== undefined) return [source, target];
      }
  const [, source, target] = /^(.+?\.(?:png|jpe?g))_+(.+)$/i.exec(base) ?? [];
  return source && target ? [source, target] : undefined;
}
