import type { NamedPose } from '../../../src/data/named-pose.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { h } from '../dom.js';
import { paint, readPicture } from '../picture.js';
import { annotate } from './annotate.js';
import { poseOfPicture } from './files.js';
import { personOf } from './framing.js';
import type { DrawnSample, Session } from './session.js';
import { thumbnails } from './thumbnails.js';

/** Longest side in pixels to which pictures are shrunk; the model's pictures are far smaller. */
const MAX_SIDE = 1600;

/**
 * Uses a picture as the person. Its joints come from `poses` or from the user's clicks. Throws `UsageError` if the picture or
 * its joints cannot be used.
 */
export async function usePicture(page: Element, session: Session, file: File, poses: File | undefined): Promise<void> {
  const { frame } = session;
  if (!frame) throw new UsageError('the model is not loaded yet; wait, and then give the picture again');
  const { image, scale } = await readPicture(file, MAX_SIDE);
  let named: NamedPose;
  if (poses) {
    const found = await poseOfPicture(poses, file.name, frame.skeleton, (text) => session.messages.note(text));
    named = { ...found, pose: found.pose.map((p) => p && ([p[0] * scale, p[1] * scale] as const)) };
  } else {
    const pose = await annotate(page, image, file.name, frame.skeleton);
    if (!pose) return;
    named = { label: file.name, where: file.name, pose };
  }
  session.setPerson(personOf(file.name, image, named, frame));
}

/** The panel with sample people and the control for the user's own picture. */
export function personPanel(
  session: Session,
  onFiles: (files: File[]) => void,
): { element: HTMLElement; end: () => void } {
  const box = h('div', { class: 'thumbs people', role: 'group', 'aria-label': 'Sample people' });
  let mark: (chosen: DrawnSample | undefined) => void = () => {};
  const onPeople = () => {
    const thumbs = session.people.map((drawn) => {
      const content = h('canvas', { 'aria-hidden': 'true' });
      paint(content, drawn.image);
      return { label: drawn.label, value: drawn, content };
    });
    mark = thumbnails(box, thumbs, (drawn) => session.choosePerson(drawn));
    onPerson();
  };
  const onPerson = () => mark(session.people.find((d) => d.image === session.person?.image));
  const ends = [session.on('people', onPeople), session.on('model', onPeople), session.on('person', onPerson)];
  onPeople();
  const input = h('input', {
    ...{ type: 'file', multiple: true, accept: 'image/png,image/jpeg,image/webp,.csv,.json' },
    'aria-describedby': 'own-picture-hint',
    onchange: () => {
      onFiles([...(input.files ?? [])]);
      input.value = '';
    },
  });
  const element = h(
    'section',
    { class: 'card panel person-panel' },
    h('h2', {}, 'Choose a person'),
    box,
    h('label', { class: 'button file' }, 'Your own picture …', input),
    h(
      'p',
      { class: 'hint', id: 'own-picture-hint' },
      'You can also drop a picture anywhere on the page. Add a file of its joints (.csv, .json), or mark the joints yourself.',
    ),
  );
  return {
    element,
    end: () => {
      for (const end of ends) end();
    },
  };
}
