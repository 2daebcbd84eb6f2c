import type { Pose, Skeleton } from '../../../src/pose/skeleton.js';
import { svg } from '../dom.js';

/** A joint's side of the body, from the skeleton's mirror pairs: the first joint of a pair, a person's right one, is on side `a`. */
export type Side = 'a' | 'b' | 'middle';

export interface Bone {
  readonly from: number;
  readonly to: number;
  readonly side: Side;
}

export function sidesOf(skeleton: Skeleton): readonly Side[] {
  const [first, second] = [0, 1].map((k) => new Set(skeleton.mirror.map((pair) => pair[k])));
  return skeleton.joints.map((name) => (first?.has(name) ? 'a' : second?.has(name) ? 'b' : 'middle'));
}

/**
 * The lines of a stick figure: all limbs and sides of the trunk, and those lines of the outline that connect further joints
 * without closing a loop.
 */
export function bonesOf(skeleton: Skeleton): readonly Bone[] {
  const index = new Map(skeleton.joints.map((name, i) => [name, i]));
  const sides = sidesOf(skeleton);
  const group = skeleton.joints.map((_, i) => i);
  const bones: Bone[] = [];
  const add = (from: string, to: string, always: boolean) => {
    const [a, b] = [index.get(from), index.get(to)];
    if (a === undefined || b === undefined) return;
    const [mine, other] = [group[a], group[b]];
    if (mine === other && !always) return;
    for (const [i, g] of group.entries()) if (g === other) group[i] = mine as number;
    bones.push({ from: a, to: b, side: sides[a] === sides[b] ? (sides[a] as Side) : 'middle' });
  };
  for (const [a, b] of skeleton.trunk.sides) add(a, b, true);
  for (const part of skeleton.parts) if (part.kind === 'limb') add(part.from, part.to, true);
  for (const [a, b] of skeleton.outline ?? []) add(a, b, false);
  return bones;
}

/**
 * The joints that follow each joint when its limb is moved. The end of a limb follows its beginning, and the other joints of a
 * box follow its first.
 */
export function descendantsOf(skeleton: Skeleton): readonly (readonly number[])[] {
  const index = new Map(skeleton.joints.map((name, i) => [name, i]));
  const children = new Map<number, number[]>();
  const addChild = (parent: string, child: string) => {
    const [a, b] = [index.get(parent), index.get(child)];
    if (a !== undefined && b !== undefined) children.set(a, [...(children.get(a) ?? []), b]);
  };
  for (const part of skeleton.parts) {
    if (part.kind === 'limb') addChild(part.from, part.to);
    if (part.kind === 'box') for (const joint of part.joints.slice(1)) addChild(part.joints[0] as string, joint);
  }
  return skeleton.joints.map((_, joint) => {
    const seen = new Set<number>([joint]);
    for (const j of seen) for (const k of children.get(j) ?? []) seen.add(k);
    seen.delete(joint);
    return [...seen];
  });
}

/** `right wrist` for `right_wrist`. */
export const readable = (name: string) => name.replaceAll('_', ' ');

/** The view box that shows every pixel of an image whole, since the centres of pixels are at integers. */
export const viewBox = (width: number, height: number) => `-0.5 -0.5 ${width} ${height}`;

/** A stick figure of a pose, in the coordinates of its image. */
export function figure(skeleton: Skeleton, pose: Pose, width: number, height: number): SVGSVGElement {
  const lines = bonesOf(skeleton).flatMap(({ from, to, side }) => {
    const [a, b] = [pose[from], pose[to]];
    return a && b ? [svg('line', { x1: a[0], y1: a[1], x2: b[0], y2: b[1], class: `bone ${side}` })] : [];
  });
  return svg(
    'svg',
    { viewBox: viewBox(width, height), class: 'figure', 'aria-hidden': 'true', focusable: 'false' },
    ...lines,
  );
}
