import type { Point } from '../../../src/pose/affine.js';
import type { Pose, Skeleton } from '../../../src/pose/skeleton.js';
import { svg } from '../dom.js';
import { bonesOf, hangingFrom, readable, sidesOf, viewBox } from './bones.js';

export interface EditorOptions {
  readonly skeleton: Skeleton;
  /** Size of the picture that the pose is of, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly label: string;
  /** Called whenever the visitor has changed the pose. */
  readonly onChange: (pose: Pose) => void;
  /** Called with what there is to say about the joint in hand; empty when there is none. */
  readonly onHint?: (text: string) => void;
  /** Whether what hangs from a joint moves with it. */
  readonly carries?: () => boolean;
  /** Called with a click beside all joints. */
  readonly onClick?: (at: Point) => void;
  /** Whether clicks mean places, even beside a joint. */
  readonly placing?: () => boolean;
}

/** CSS pixels around a joint that still take hold of it. */
const REACH = 22;
/** Pixels that an arrow key moves a joint, and with Shift. */
const STEP = { fine: 1, coarse: 5 };

const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** A stick figure whose joints are moved by pointer or keyboard. */
export class PoseEditor {
  readonly element: SVGSVGElement;
  readonly #bones: readonly (readonly [SVGLineElement, number, number])[];
  readonly #joints: readonly SVGGElement[];
  readonly #hanging: readonly (readonly number[])[];
  readonly #needed: readonly boolean[];
  /** Where missing joints were last. */
  readonly #last = new Map<number, Point>();
  #pose: (Point | null)[];
  #held: { joint: number; offset: Point } | undefined;

  constructor(private readonly options: EditorOptions) {
    const { skeleton, width, height, label } = options;
    const unit = Math.max(width / 64, height / 128);
    const sides = sidesOf(skeleton);
    this.#pose = skeleton.joints.map(() => null);
    this.#hanging = hangingFrom(skeleton);
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
        // A finger on a joint moves it; beside all joints it scrolls the page.
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

  /** Shows a pose; `onChange` is not called. */
  set pose(pose: Pose) {
    this.#pose = [...pose];
    this.#draw();
  }

  /** Indices of the joints that are missing. */
  get missing(): number[] {
    return this.#pose.flatMap((p, i) => (p ? [] : [i]));
  }

  /** Whether a pose cannot be without this joint. */
  needs(joint: number): boolean {
    return this.#needed[joint] ?? false;
  }

  /** Puts a missing joint where it was last, or else beside what it hangs from. */
  restore(joint: number): void {
    const from = this.#hanging.findIndex((joints) => joints.includes(joint));
    const near = this.#pose[from] ?? this.#middle();
    const { width, height } = this.options;
    this.#change(joint, this.#last.get(joint) ?? [near[0] + 0.04 * width, near[1] + 0.04 * height], false);
    this.#joints[joint]?.focus();
  }

  #middle(): Point {
    const there = this.#pose.filter((p) => p !== null);
    const { width, height } = this.options;
    if (!there.length) return [width / 2, height / 2];
    const mean = (k: 0 | 1) => there.reduce((sum, p) => sum + p[k], 0) / there.length;
    return [mean(0), mean(1)];
  }

  #inside([x, y]: Point): Point {
    const { width, height } = this.options;
    return [Math.max(0, Math.min(width - 1, x)), Math.max(0, Math.min(height - 1, y))];
  }

  #change(joint: number, to: Point | null, carry: boolean): void {
    const before = this.#pose[joint];
    const place = to && this.#inside(to);
    if (before && place && carry)
      for (const j of this.#hanging[joint] ?? []) {
        const p = this.#pose[j];
        if (p) this.#pose[j] = this.#inside([p[0] + place[0] - before[0], p[1] + place[1] - before[1]]);
      }
    if (before && !place) this.#last.set(joint, before);
    this.#pose[joint] = place;
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
      this.#change(joint, [p[0] + by * arrow[0], p[1] + by * arrow[1]], this.options.carries?.() ?? false);
    } else if (event.key === 'Delete' || event.key === 'Backspace') this.#remove(joint);
    else return;
    event.preventDefault();
  }

  #remove(joint: number): void {
    if (this.#needed[joint]) {
      const name = readable(this.options.skeleton.joints[joint] ?? '');
      this.options.onHint?.(`${name} cannot be missing: parts take their size from the trunk`);
      return;
    }
    const next = this.#joints.findIndex((_, j) => j > joint && this.#pose[j]);
    this.#change(joint, null, false);
    (this.#joints[next] ?? this.#joints.find((_, j) => this.#pose[j]))?.focus();
  }

  /** A place on the screen in pixels of the picture. */
  #place(event: PointerEvent): { at: Point; scale: number } {
    const box = this.element.getBoundingClientRect();
    const scale = box.width / this.options.width;
    return { at: [(event.clientX - box.left) / scale - 0.5, (event.clientY - box.top) / scale - 0.5], scale };
  }

  #down(event: PointerEvent): void {
    // One joint at a time, even with many fingers.
    if (event.button !== 0 || !event.isPrimary || this.#held) return;
    const { at, scale } = this.#place(event);
    const distances = this.#pose.map((p) => (p ? Math.hypot(p[0] - at[0], p[1] - at[1]) * scale : REACH));
    const joint = distances.indexOf(Math.min(...distances));
    const p = this.#pose[joint];
    if (!p || (distances[joint] as number) >= REACH || this.options.placing?.()) {
      this.options.onClick?.(at);
      return;
    }
    event.preventDefault();
    this.#held = { joint, offset: [p[0] - at[0], p[1] - at[1]] };
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add('dragging');
    // What is held is also what the keys then move.
    this.#joints[joint]?.focus({ preventScroll: true });
    this.#hint(joint);
  }

  #move(event: PointerEvent): void {
    if (!this.#held || !event.isPrimary) return;
    const { joint, offset } = this.#held;
    const { at } = this.#place(event);
    this.#change(joint, [at[0] + offset[0], at[1] + offset[1]], this.options.carries?.() ?? false);
  }

  #up(): void {
    this.#held = undefined;
    this.element.classList.remove('dragging');
  }
}
