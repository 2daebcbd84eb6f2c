import { type Comparison, type FixtureReader, UnsupportedFixture } from '../kernels/room.js';
import { NOWHERE } from '../pose/affine.js';
import { type GeometryKind, partTransforms, rasterise } from '../pose/geometry.js';
import { PERSON, type Pose } from '../pose/skeleton.js';

/** The reference values of one pair for one preset. */
interface Reference {
  readonly affine_target_to_source: readonly (readonly number[] | null)[];
  /** Run lengths of each part's bitmap by scale; the first run counts zeros. */
  readonly masks: Readonly<Record<string, readonly (readonly number[])[]>>;
}

interface Pair {
  readonly keypoints_from: Pose;
  readonly keypoints_to: Pose;
  readonly paper: Reference;
  readonly authors: Reference;
}

const kinds: Readonly<Record<'paper' | 'authors', GeometryKind>> = { paper: 'rectangles', authors: 'keypoints' };

/** The largest accepted difference of transform coefficients, which are stored with six decimals. */
const COEFFICIENT = 2e-6;

function unpack(runs: readonly number[], length: number): Uint8Array {
  const mask = new Uint8Array(length);
  let at = 0;
  for (const [i, n] of runs.entries()) {
    if (i % 2) mask.fill(1, at, at + n);
    at += n;
  }
  return mask;
}

/** Checks part transforms and masks of real pairs. A mask agrees if at most 1 % of its grid, or 2 pixels, differ. */
export const geometry: FixtureReader = ({ attrs }) => ({
  check: async () => {
    const { pairs, height, width, joints } = attrs as {
      pairs: Pair[];
      height: number;
      width: number;
      joints: string[];
    };
    if (joints.join() !== PERSON.joints.join())
      throw new UnsupportedFixture('its joints are not those of the person skeleton');
    const worst: Record<string, { error: number; limit: number }> = {};
    const note = (name: string, error: number, limit: number) => {
      const before = worst[name];
      if (!before || !(error / limit <= before.error / before.limit)) worst[name] = { error, limit };
    };
    for (const { keypoints_from, keypoints_to, ...reference } of pairs) {
      for (const preset of ['paper', 'authors'] as const) {
        const parts = partTransforms(kinds[preset], PERSON, keypoints_from, keypoints_to);
        for (const [i, { affine, mask }] of parts.entries()) {
          const want = reference[preset].affine_target_to_source[i];
          note(`${preset} presence`, (affine === NOWHERE) === !want ? 0 : 1, 0.5);
          for (const [k, w] of (want ?? []).entries())
            note(`${preset} transforms`, Math.abs(w - (affine[k] as number)), COEFFICIENT * Math.max(1, Math.abs(w)));
          for (const [s, masks] of Object.entries(reference[preset].masks)) {
            const got = rasterise(mask, height, width, Number(s));
            const expected = unpack(masks[i] ?? [], got.length);
            const differing = got.reduce((n, v, k) => n + Number(v !== expected[k]), 0);
            note(`${preset} masks`, differing, Math.max(2, 0.01 * got.length));
          }
        }
      }
    }
    return worst as Record<string, Comparison>;
  },
});
