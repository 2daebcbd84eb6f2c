import type { Image } from '../../../src/data/image.js';
import type { Point } from '../../../src/pose/affine.js';
import type { Pose, Skeleton } from '../../../src/pose/skeleton.js';
import { h, replace, svg } from '../dom.js';
import { paint } from '../picture.js';
import { readable, sidesOf } from './bones.js';
import { PoseEditor } from './editor.js';

/** How far an arrow key moves the cross without and with Shift, as shares of the picture's height. */
const STEP = { fine: 0.005, coarse: 0.05 };

/**
 * Asks the user to click the joints of a picture one after the other. Resolves with the pose in the picture's pixels, or with
 * `undefined` if the user cancels. The dialog is removed together with `page`.
 */
export function annotate(page: Element, image: Image, name: string, skeleton: Skeleton): Promise<Pose | undefined> {
  return new Promise((resolve) => new Annotator(image, name, skeleton, resolve).open(page));
}

/** Clamps a coordinate to the pixels 0 … size − 1. */
const clamp = (value: number, size: number) => Math.max(0, Math.min(size - 1, value));

class Annotator {
  readonly #joints: (Point | null | undefined)[];
  /** The joints in the order in which they were placed or marked as missing, for undo. */
  readonly #order: number[] = [];
  #current = 0;
  #cross: Point;
  readonly #editor: PoseEditor;
  readonly #prompt = h('p', { class: 'prompt', 'aria-live': 'polite' });
  readonly #list = h('ol', { class: 'joint-list', 'aria-label': 'Joints' });
  readonly #undo = h('button', { type: 'button', onclick: () => this.#undoLast() }, 'Undo');
  readonly #missing = h('button', { type: 'button', onclick: () => this.#place(null) }, 'Missing');
  readonly #done = h('button', { type: 'button', class: 'primary', onclick: () => this.#finish() }, 'Use this person');
  readonly #mark = svg('path', { class: 'cross', 'aria-hidden': 'true' });
  readonly #dialog: HTMLDialogElement;

  constructor(
    private readonly image: Image,
    name: string,
    private readonly skeleton: Skeleton,
    private readonly resolve: (pose: Pose | undefined) => void,
  ) {
    const { width, height } = image;
    this.#joints = skeleton.joints.map(() => undefined);
    this.#cross = [width / 2, height / 2];
    this.#editor = new PoseEditor({
      ...{ skeleton, width, height, label: 'Joints on the picture, which can be moved once all are placed' },
      onChange: (pose) => {
        for (const [i, p] of pose.entries()) if (this.#joints[i] !== undefined) this.#joints[i] = p;
        this.#show();
      },
      onClick: (at) => this.#place(at),
      placing: () => this.#current < skeleton.joints.length,
    });
    this.#editor.element.append(this.#mark);
    const canvas = h('canvas', { role: 'img', 'aria-label': `The picture ${name}` });
    paint(canvas, image);
    const hasSides = sidesOf(skeleton).some((side) => side !== 'middle');
    const stage = h(
      'div',
      {
        ...{ class: 'stage-picture annotate-picture', style: `--proportion: ${width / height}`, tabindex: 0 },
        ...{ role: 'application', 'aria-label': 'Picture: arrow keys move the cross, Enter places the joint at it' },
        onkeydown: (e: KeyboardEvent) => this.#key(e),
      },
      canvas,
      this.#editor.element,
    );
    this.#dialog = h(
      'dialog',
      {
        class: 'annotate',
        'aria-labelledby': 'annotate-title',
        oncancel: () => this.#close(undefined),
        onkeydown: (e: KeyboardEvent) => this.#shortcut(e),
      },
      h('h2', { id: 'annotate-title' }, `Where are the joints in ${name}?`),
      h('div', { class: 'row annotate-ask' }, this.#prompt, h('div', { class: 'row' }, this.#missing, this.#undo)),
      h(
        'div',
        { class: 'annotate-columns' },
        stage,
        h(
          'div',
          { class: 'stack' },
          h(
            'p',
            { class: 'hint' },
            hasSides
              ? 'Right and left are those of the person: if they face you, their right hand is on your left. '
              : '',
            'Press M if a joint is missing and Z to undo. On the picture, move the cross with the arrow keys and press Enter to ' +
              'place a joint.',
          ),
          this.#list,
          h(
            'div',
            { class: 'row' },
            this.#done,
            h('button', { type: 'button', onclick: () => this.#close(undefined) }, 'Cancel'),
          ),
        ),
      ),
    );
    this.#dialog.addEventListener('focusin', ({ target }) => {
      this.#mark.toggleAttribute('hidden', target !== stage);
    });
  }

  open(page: Element): void {
    page.append(this.#dialog);
    this.#show();
    this.#dialog.showModal();
    this.#dialog.querySelector<HTMLElement>('.annotate-picture')?.focus();
  }

  #close(pose: Pose | undefined): void {
    this.#dialog.close();
    this.#dialog.remove();
    this.resolve(pose);
  }

  #needed(joint: number): boolean {
    return this.skeleton.trunk.joints.includes(this.skeleton.joints[joint] ?? '');
  }

  #place(at: Point | null): void {
    const joint = this.#current;
    if (joint >= this.#joints.length || (!at && this.#needed(joint))) return;
    const { width, height } = this.image;
    this.#joints[joint] = at && [clamp(at[0], width), clamp(at[1], height)];
    this.#order.push(joint);
    this.#next();
  }

  #undoLast(): void {
    const joint = this.#order.pop();
    if (joint === undefined) return;
    this.#joints[joint] = undefined;
    this.#next();
  }

  #again(joint: number): void {
    this.#joints[joint] = undefined;
    this.#order.splice(0, this.#order.length, ...this.#order.filter((j) => j !== joint));
    this.#next();
  }

  #next(): void {
    const open = this.#joints.indexOf(undefined);
    this.#current = open < 0 ? this.#joints.length : open;
    this.#editor.pose = this.#joints.map((p) => p ?? null);
    this.#show();
  }

  #show(): void {
    const { joints } = this.skeleton;
    const name = joints[this.#current];
    const answered = this.#joints.filter((p) => p !== undefined).length;
    const count = h('span', { class: 'muted' }, ` · ${Math.min(joints.length, answered + 1)} of ${joints.length}`);
    replace(
      this.#prompt,
      name ? ['Click the ', h('strong', {}, readable(name)), count] : 'All joints are done. Drag one to correct it.',
    );
    this.#undo.disabled = !this.#order.length;
    this.#missing.disabled = !name || this.#needed(this.#current);
    this.#missing.title =
      name && this.#needed(this.#current) ? 'This joint is required, because it sets the size of the body parts' : '';
    const lacking = joints.filter((_, i) => this.#needed(i) && !this.#joints[i]);
    this.#done.disabled = lacking.length > 0;
    this.#done.title = lacking.length ? `Still required: ${lacking.map(readable).join(', ')}` : '';
    replace(
      this.#list,
      joints.map((joint, i) => {
        const state = this.#joints[i];
        const text = i === this.#current ? 'now' : state === undefined ? '' : state ? 'placed' : 'missing';
        const button = h(
          'button',
          { type: 'button', class: 'quiet', disabled: state === undefined, onclick: () => this.#again(i) },
          readable(joint),
        );
        if (state !== undefined) button.title = `Place ${readable(joint)} again`;
        return h('li', { 'aria-current': i === this.#current ? 'step' : false }, button, h('span', {}, text));
      }),
    );
    const [x, y] = this.#cross;
    const arm = this.image.height / 30;
    this.#mark.setAttribute('d', `M${x - arm} ${y}h${2 * arm}M${x} ${y - arm}v${2 * arm}`);
  }

  #finish(): void {
    this.#close(this.#joints.map((p) => p ?? null));
  }

  #shortcut(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === 'm') this.#place(null);
    else if (key === 'z') this.#undoLast();
    else return;
    event.preventDefault();
  }

  #key(event: KeyboardEvent): void {
    // The joints in the picture handle their own keys.
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = (event.shiftKey ? STEP.coarse : STEP.fine) * this.image.height;
    const [dx, dy] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key] ?? [
      0, 0,
    ];
    if (event.key === 'Enter') this.#place(this.#cross);
    else if (dx || dy) {
      const { width, height } = this.image;
      this.#cross = [clamp(this.#cross[0] + (dx as number), width), clamp(this.#cross[1] + (dy as number), height)];
      this.#show();
    } else return;
    event.preventDefault();
  }
}
