import './pose.css';
import type { AppContext } from '../app.js';
import { dropTarget, h, replace } from '../dom.js';
import { sortFiles } from './files.js';
import { insideView } from './inside.js';
import { personPanel, usePicture } from './person-panel.js';
import { posePanel } from './pose-panel.js';
import { Session } from './session.js';
import { stage } from './stage.js';

let session: Session | undefined;

/** The Pose page: shows a person in another pose. */
export function mount(root: HTMLElement, app: AppContext): () => void {
  const fresh = !session;
  session ??= new Session();
  const own = session;
  let dismiss = () => {};
  const error = (text: string) => {
    dismiss();
    dismiss = app.notify(text);
    app.status('');
  };
  own.messages = { status: app.status, error, note: (text) => void app.notify(text, 'note') };

  const take = (files: readonly File[]) => {
    if (!files.length) return;
    dismiss();
    void (async () => {
      const { checkpoint, picture, poses } = sortFiles(files);
      if (checkpoint) await own.loadFile(checkpoint);
      else if (picture) await usePicture(root, own, picture, poses);
      else if (poses) await panel.useFile(poses);
    })().catch((e: Error) => error(e.message));
  };
  const panel = posePanel(own, error);
  const person = personPanel(own, take);
  const scene = stage(own, panel.movesLimb, panel.pause);
  const model = modelStrip(own, take, error);
  const details = h('details', { class: 'card' }, h('summary', {}, h('h2', { class: 'in-line' }, 'Look inside')));
  const endInside = insideView(own, details);
  replace(
    root,
    h(
      'header',
      {},
      h('h1', {}, 'A person in another pose'),
      h(
        'p',
        { class: 'lead' },
        'The network gets one picture of a person. Move the joints of the target pose, and it draws the person in that pose.',
      ),
    ),
    h('div', { class: 'bench' }, person.element, scene.element, panel.element),
    model.element,
    details,
  );

  const showTime = () => {
    const ms = own.firstPictureMs;
    app.statusDetail(ms === undefined ? '' : `first picture after ${(ms / 1000).toFixed(1)} s`);
  };
  showTime();
  const ends = [
    dropTarget(root, take),
    own.on('picture', showTime),
    panel.end,
    person.end,
    scene.dispose,
    model.end,
    endInside,
    () => dismiss(),
  ];
  if (fresh) void own.loadOwn().catch((e: Error) => error(e.message));
  return () => {
    for (const end of ends) end();
    own.messages = { status: () => {}, error: () => {}, note: () => {} };
  };
}

/** Facts about the current model, and the controls to load another. */
function modelStrip(session: Session, take: (files: File[]) => void, error: (text: string) => void) {
  const facts = h('p', { id: 'model-facts' }, 'Loading …');
  const back = h(
    'button',
    {
      type: 'button',
      onclick: () => void session.loadOwn().catch((e: Error) => error(e.message)),
    },
    'Back to the app’s model',
  );
  const input = h('input', {
    ...{ type: 'file', accept: '.safetensors', 'aria-describedby': 'model-facts' },
    onchange: () => {
      take([...(input.files ?? [])]);
      input.value = '';
    },
  });
  const show = () => {
    const { model } = session;
    back.hidden = !model || session.own;
    if (!model) return;
    const { config, skeleton, step, parameters, name } = model;
    replace(
      facts,
      h('strong', {}, name),
      h(
        'span',
        { class: 'muted' },
        ` · ${skeleton.name}, ${config.height}×${config.width} pixels · ${step.toLocaleString('en')} iterations · ` +
          `${(parameters / 1e6).toFixed(2)} M parameters${session.own ? ' · trained on drawn people like these' : ''}`,
      ),
    );
  };
  const end = session.on('model', show);
  show();
  const element = h(
    'section',
    { class: 'card model-strip', 'aria-label': 'Model' },
    h('h2', {}, 'Model'),
    facts,
    h('div', { class: 'row' }, back, h('label', { class: 'button file' }, 'Load a checkpoint …', input)),
  );
  return { element, end };
}
