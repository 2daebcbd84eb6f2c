import type { Point } from '../../../src/pose/affine.js';
import type { Pose, Skeleton } from '../../../src/pose/skeleton.js';
import { svg } from '../dom.js';
import { bonesOf, descendantsOf, readable, sidesOf, viewBox } from './bones.js';

export interface EditorOptions {
  readonly skeleton: Skeleton;
  /** Size of the picture in pixels. */
  readonly width: number;
  readonly height: number;
  readonly label: string;
  /** Called whenever the user has changed the pose. */
  readonly onChange: (pose: Pose) => void;
  /** Called with a description of the current joint; empty if there is none. */
  readonly onHint?: (text: string) => void;
  /** Whether the whole limb moves with a joint. */
  readonly movesLimb?: () => boolean;
  /** Called with the point of a click that does not hit a joint. */
  readonly onClick?: (at: Point) => void;
  /** Whether every click places a joint, even next to another. */
  readonly placing?: () => boolean;
}

/** Distance in CSS pixels from which a joint can be grabbed. */
const GRAB_RADIUS = 22;
/** Pixels that an arrow key moves a joint, without and with Shift. */
const STEP = { fine: 1, coarse: 5 };

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** A stick figure whose joints can be moved with the pointer or the keyboard. */
export class PoseEditor {
  readonly element: SVGSVGElement;
  readonly #bones: readonly (readonly [SVGLineElement, number, number])[];
  readonly #joints: readonly SVGGElement[];
  readonly #descendants: readonly (readonly number[])[];
  readonly #needed: readonly boolean[];
  /** The last positions of missing joints. */
  readonly #last = new Map<number, Point>();
  #pose: (Point | null)[];
  #held: { joint: number; offset: Point } | undefined;

  constructor(private readonly options: EditorOptions) {
    const { skeleton, width, height, label } = options;
    const unit = Math.max(width / 64, height / 128);
    const sides = sidesOf(skeleton);
    this.#pose = skeleton.joints.map(() => null);
    this.#descendants = descendantsOf(skeleton);
    this.#needed = skeleton.joints.map((name) => skeleton.trunk.joints.includes(name));
    this.#bones = bonesOf(skeleton).map(({ from, to, side }) => [svg('line', { class: `bone ${side}` }), from, to]);
    this.#joints = skeleton.joints.map((_, i) =>
      svg(
        'g',
        {
          ...{ class: `joint ${sides[i]}`, tabindex: 0, role: 'button', 'aria-roledescription': 'joint' },
          onkeydown: (e: KeyboardEvent) => this.#key(e, i),
          onfocus: () => this.#hint(i),
          onblur: () => options.onHint?.(''),
          onpointerenter: () => !this.#held && this.#hint(i),
          onpointerleave: () => !this.#held && options.onHint?.(''),
        },
        svg('circle', { class: 'hit', r: 4.5 * unit }),
        svg('circle', { class: 'dot', r: 1.5 * unit }),
      ),
    );
    this.element = svg(
      'svg',
      {
        ...{ viewBox: viewBox(width, height), class: 'editor', role: 'group', 'aria-label': label },
        onpointerdown: (e: PointerEvent) => this.#down(e),
        // A finger on a joint moves it. Elsewhere it scrolls the page.
        ontouchstart: (e: TouchEvent) => this.#held && e.preventDefault(),
        onpointermove: (e: PointerEvent) => this.#move(e),
        onpointerup: () => this.#up(),
        onpointercancel: () => this.#up(),
      },
      ...this.#bones.map(([line]) => line),
      ...this.#joints,
    );
    this.#draw();
  }

  get pose(): Pose {
    return this.#pose;
  }

  /** Shows a pose without calling `onChange`. */
  set pose(pose: Pose) {
    this.#pose = [...pose];
    this.#draw();
  }

  /** Indices of the joints that are missing. */
  get missing(): number[] {
    return this.#pose.flatMap((p, i) => (p ? [] : [i]));
  }

  /** Whether a pose must have this joint. */
  needs(joint: number): boolean {
    return this.#needed[joint] ?? false;
  }

  /** Puts a missing joint back to its last position, or next to the joint that it follows. */
  restore(joint: number): void {
    const from = this.#descendants.findIndex((joints) => joints.includes(joint));
    const near = this.#pose[from] ?? this.#middle();
    const { width, height } = this.options;
    this.#change(joint, this.#last.get(joint) ?? [near[0] + 0.04 * width, near[1] + 0.04 * height], false);
    this.#joints[joint]?.focus();
  }

  #middle(): Point {
    const present = this.#pose.filter((p) => p !== null);
    const { width, height } = this.options;
    if (!present.length) return [width / 2, height / 2];
    const mean = (k: 0 | 1) => present.reduce((sum, p) => sum + p[k], 0) / present.length;
    return [mean(0), mean(1)];
  }

  #clamp([x, y]: Point): Point {
    const { width, height } = this.options;
    return [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(height - 1, y))];
  }

  #change(joint: number, to: Point | null, wholeLimb: boolean): void {
    const before = this.#pose[joint];
    const after = to && this.#clamp(to);
    if (before && after && wholeLimb)
      for (const j of this.#descendants[joint] ?? []) {
        const p = this.#pose[j];
        if (p) this.#pose[j] = this.#clamp([p[0] + after[0] - before[0], p[1] + after[1] - before[1]]);
      }
    if (before && !after) this.#last.set(joint, before);
    this.#pose[joint] = after;
    this.#draw();
    this.#hint(joint);
    this.options.onChange([...this.#pose]);
  }

  #hint(joint: number): void {
    this.options.onHint?.(this.#describe(joint));
  }

  #describe(joint: number): string {
    const p = this.#pose[joint];
    const name = readable(this.options.skeleton.joints[joint] ?? '');
    return p ? `${name}, x ${Math.round(p[0])}, y ${Math.round(p[1])}` : `${name}, missing`;
  }

  #draw(): void {
    for (const [line, from, to] of this.#bones) {
      const [a, b] = [this.#pose[from], this.#pose[to]];
      line.toggleAttribute('hidden', !a || !b);
      for (const [name, value] of [
        ['x1', a?.[0]],
        ['y1', a?.[1]],
        ['x2', b?.[0]],
        ['y2', b?.[1]],
      ] as const)
        line.setAttribute(name, String(value ?? 0));
    }
    for (const [i, joint] of this.#joints.entries()) {
      const p = this.#pose[i];
      joint.toggleAttribute('hidden', !p);
      joint.setAttribute('tabindex', p ? '0' : '-1');
      joint.setAttribute('aria-label', this.#describe(i));
      if (p) joint.setAttribute('transform', `translate(${p[0]} ${p[1]})`);
    }
  }

  #key(event: KeyboardEvent, joint: number): void {
    const p = this.#pose[joint];
    const arrow = ARROWS[event.key];
    if (!p || event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow) {
      const by = event.shiftKey ? STEP.coarse : STEP.fine;
      this.#change(joint, [p[0] + by * arrow[0], p[1] + by * arrow[1]], this.options.movesLimb?.() ?? false);
    } else if (event.key === 'Delete' || event.key === 'Backspace') this.#remove(joint);
    else return;
    event.preventDefault();
  }

  #remove(joint: number): void {
    if (this.#needed[joint]) {
      const name = readable(this.options.skeleton.joints[joint] ?? '');
      this.options.onHint?.(`${name} cannot be missing, because the trunk sets the size of the body parts`);
      return;
    }
    const next = this.#joints.findIndex((_, j) => j > joint && this.#pose[j]);
    this.#change(joint, null, false);
    (this.#joints[next] ?? this.#joints.find((_, j) => this.#pose[j]))?.focus();
  }

  /** The position of a pointer in pixels of the picture. */
  #position(event: PointerEvent): { at: Point; scale: number } {
    const box = this.element.getBoundingClientRect();
    const scale = box.width / this.options.width;
    return { at: [(event.clientX - box.left) / scale - 0.5, (event.clientY - box.top) / scale - 0.5], scale };
  }

  #down(event: PointerEvent): void {
    // Several fingers move one joint only.
    if (event.button !== 0 || !event.isPrimary || this.#held) return;
    const { at, scale } = this.#position(event);
    const distances = this.#pose.map((p) => (p ? Math.hypot(p[0] - at[0], p[1] - at[1]) * scale : GRAB_RADIUS));
    const joint = distances.indexOf(Math.min(...distances));
    const p = this.#pose[joint];
    if (!p || (distances[joint] as number) >= GRAB_RADIUS || this.options.placing?.()) {
      this.options.onClick?.(at);
      return;
    }
    event.preventDefault();
    this.#held = { joint, offset: [p[0] - at[0], p[1] - at[1]] };
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add('dragging');
    // The keys then move the same joint.
    this.#joints[joint]?.focus({ preventScroll: true });
    this.#hint(joint);
  }

  #move(event: PointerEvent): void {
    if (!this.#held || !event.isPrimary) return;
    const { joint, offset } = this.#held;
    const { at } = this.#position(event);
    this.#change(joint, [at[0] + offset[0], at[1] + offset[1]], this.options.movesLimb?.() ?? false);
  }

  #up(): void {
    this.#held = undefined;
    this.element.classList.remove('dragging');
  }
}
