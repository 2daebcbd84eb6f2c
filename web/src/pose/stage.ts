import { h, replace } from '../dom.js';
import { paint } from '../picture.js';
import { figure, readable } from './bones.js';
import { PoseEditor } from './editor.js';
import type { Session } from './session.js';

export interface Stage {
  readonly element: HTMLElement;
  readonly dispose: () => void;
}

const EDIT_HINT = 'Drag a joint, or press Tab to select one and move it with the arrow keys.';

/** The three pictures: the person, the target pose to edit, and the generated picture. */
export function stage(session: Session, movesLimb: () => boolean, onEdit: () => void): Stage {
  const source = h('canvas', { role: 'img', 'aria-label': 'The person' });
  const generated = h('canvas', { id: 'generated', role: 'img', 'aria-label': 'Generated picture' });
  const sourceBox = h('div', { class: 'stage-picture' }, source);
  const targetBox = h('div', { class: 'stage-picture target' });
  const generatedBox = h('div', { class: 'stage-picture' }, generated);
  const hint = h('p', { class: 'hint joint-hint', id: 'joint-hint' }, EDIT_HINT);
  const missing = h('div', { class: 'missing row', role: 'group', 'aria-label': 'Missing joints' });
  const sourceName = h('span', { class: 'muted' });
  const time = h('span', { class: 'muted' });
  let editor: PoseEditor | undefined;

  const showMissing = () => {
    const joints = session.model?.skeleton.joints ?? [];
    replace(
      missing,
      editor?.missing.length ? h('span', { class: 'hint' }, 'Missing joints to put back:') : null,
      editor?.missing.map((joint) => {
        const name = readable(joints[joint] ?? '');
        const restore = () => editor?.restore(joint);
        return h(
          'button',
          { type: 'button', class: 'quiet small', 'aria-label': `Put ${name} back`, onclick: restore },
          name,
        );
      }),
    );
  };

  const onModel = () => {
    const { model } = session;
    replace(targetBox);
    editor = undefined;
    if (!model) return;
    const { width, height } = model.config;
    for (const box of [sourceBox, targetBox, generatedBox]) box.style.setProperty('--proportion', `${width / height}`);
    for (const canvas of [source, generated]) [canvas.width, canvas.height] = [width, height];
    editor = new PoseEditor({
      ...{ skeleton: model.skeleton, width, height, label: 'Target pose with joints to move', movesLimb },
      onChange: (pose) => {
        onEdit();
        session.setTarget(pose);
        showMissing();
      },
      onHint: (text) => {
        hint.textContent = text || EDIT_HINT;
      },
    });
    editor.element.setAttribute('aria-describedby', 'joint-keys');
    replace(targetBox, editor.element);
    onPerson();
    onTarget();
    onPicture();
  };
  const onPerson = () => {
    const { person, model } = session;
    for (const old of sourceBox.querySelectorAll('svg')) old.remove();
    sourceName.textContent = person?.label ?? '';
    if (!person || !model) return;
    paint(source, person.image);
    source.setAttribute('aria-label', `The person: ${person.label}`);
    sourceBox.append(figure(model.skeleton, person.pose, model.config.width, model.config.height));
  };
  const onTarget = () => {
    if (!editor || !session.target || session.target === editor.pose) return;
    const before = editor.missing.join();
    editor.pose = session.target;
    if (before !== editor.missing.join() || !missing.childElementCount) showMissing();
  };
  const onPicture = () => {
    const { picture } = session;
    generatedBox.classList.toggle('waiting', !picture);
    if (!picture) return;
    paint(generated, picture.image);
    time.textContent = `${picture.ms < 10 ? picture.ms.toFixed(1) : Math.round(picture.ms)} ms`;
  };
  const save = () => {
    generated.toBlob((blob) => {
      if (!blob) return;
      const url = URL.createObjectURL(blob);
      h('a', { href: url, download: 'generated.png' }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    });
  };

  const onBusy = () => generatedBox.setAttribute('aria-busy', String(session.busy));
  const ends = [
    session.on('busy', onBusy),
    session.on('model', onModel),
    session.on('person', onPerson),
    session.on('target', onTarget),
    session.on('picture', onPicture),
  ];
  const element = h(
    'div',
    { class: 'stage card' },
    h('section', { class: 'stage-source' }, h('h2', {}, 'Person'), sourceBox, h('p', { class: 'hint' }, sourceName)),
    h(
      'section',
      { class: 'stage-target' },
      h('h2', {}, 'Target pose'),
      targetBox,
      hint,
      missing,
      h(
        'p',
        { class: 'sr-only', id: 'joint-keys' },
        'Arrow keys move a joint by one pixel, or by five with Shift. Delete removes it.',
      ),
    ),
    h(
      'section',
      { class: 'stage-generated' },
      h('h2', {}, 'Generated'),
      generatedBox,
      h(
        'div',
        { class: 'row spread hint' },
        time,
        h('button', { type: 'button', class: 'small', onclick: save }, 'Save'),
      ),
    ),
  );
  onModel();
  onBusy();
  return {
    element,
    dispose: () => {
      for (const end of ends) end();
    },
  };
}
