import { checkTrunk, fitPose } from '../../../src/data/named-pose.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { flipPose, type Pose, trunkProblem } from '../../../src/pose/skeleton.js';
import { field, h, replace } from '../dom.js';
import { figure } from './bones.js';
import { posesIn } from './files.js';
import { Player, tour, walkFrames } from './player.js';
import type { Session } from './session.js';
import { thumbnails } from './thumbnails.js';

export interface PosePanel {
  readonly element: HTMLElement;
  /** Whether the whole limb moves with a joint. */
  readonly movesLimb: () => boolean;
  readonly pause: () => void;
  /** Reads poses from a file. A single pose becomes the target, and several become a sequence. */
  readonly useFile: (file: File) => Promise<void>;
  readonly end: () => void;
}

type Sequence = 'walk' | 'tour' | 'file';

/** The panel with poses to choose from and sequences to play. */
export function posePanel(session: Session, onError: (message: string) => void): PosePanel {
  let fromFile: { readonly name: string; readonly frames: readonly Pose[] } | undefined;
  const box = h('div', { class: 'thumbs poses', role: 'group', 'aria-label': 'Poses' });
  const wholeLimb = h('input', { type: 'checkbox', checked: true });
  const select = h('select', { onchange: () => player.pause() });
  const speed = h('input', {
    ...{ type: 'range', min: 2, max: 30, value: 12 },
    oninput: () => showSpeed(),
  });
  const play = h('button', { type: 'button', onclick: () => toggle() }, 'Play');
  const player = new Player(
    (pose) => session.setTarget(pose),
    (playing) => {
      play.textContent = playing ? 'Pause' : 'Play';
    },
  );
  const showSpeed = () => {
    player.framesPerSecond = Number(speed.value);
    speed.setAttribute('aria-valuetext', `${speed.value} frames a second`);
  };
  showSpeed();

  let mark: (chosen: Pose | undefined) => void = () => {};
  const onPoses = () => {
    const { model } = session;
    if (!model) return;
    const { width, height } = model.config;
    const thumbs = session.poses.map(({ label, pose }) => ({
      ...{ label, value: pose, content: figure(model.skeleton, pose, width, height) },
    }));
    mark = thumbnails(box, thumbs, (pose) => {
      player.pause();
      session.setTarget(pose);
    });
    mark(session.target);
    sequences();
  };
  const sequences = () => {
    const chosen = select.value;
    const options: [Sequence, string][] = [['walk', 'Walking on the spot']];
    if (session.poses.length > 1) options.push(['tour', 'Through the poses above']);
    if (fromFile) options.push(['file', fromFile.name]);
    replace(
      select,
      options.map(([value, text]) => h('option', { value, selected: value === chosen }, text)),
    );
  };
  const frames = (): readonly Pose[] => {
    const { model, person } = session;
    if (!model || !person) return [];
    if (select.value === 'file' && fromFile) return fromFile.frames;
    if (select.value === 'tour') return tour(session.poses.map((d) => d.pose));
    return walkFrames(model.skeleton, person.pose, model.config);
  };
  const toggle = () => {
    if (player.playing) {
      player.pause();
      return;
    }
    try {
      player.play(frames());
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      onError(error.message);
    }
  };
  const change = (of: (target: Pose) => Pose | undefined) => () => {
    player.pause();
    const pose = session.target && of(session.target);
    if (pose) session.setTarget(pose);
  };
  const mirrored = change((target) => {
    const { model } = session;
    return model && flipPose(model.skeleton, target, model.config.width);
  });

  const useFile = async (file: File) => {
    const { frame } = session;
    if (!frame) throw new UsageError('the model is not loaded yet; wait, and then give the poses again');
    const named = await posesIn(file, frame.skeleton, (text) => session.messages.note(text));
    const usable = named.map((n) => ({ ...n, pose: fitPose(n, [frame.height, frame.width], frame) }));
    const valid = usable.filter(({ pose }) => !trunkProblem(frame.skeleton, pose));
    const [first] = valid;
    if (!first) {
      for (const pose of named) checkTrunk(pose, frame.skeleton);
      throw new UsageError(`no pose in ${file.name} has a trunk, which sets the size of the body parts`);
    }
    player.pause();
    session.setTarget(first.pose);
    if (valid.length === 1) return;
    fromFile = { name: file.name, frames: tour(valid.map(({ pose }) => pose)) };
    sequences();
    select.value = 'file';
    player.play(fromFile.frames);
  };

  const onModel = () => {
    player.pause();
    fromFile = undefined;
    onPoses();
  };
  const ends = [
    session.on('poses', onPoses),
    session.on('model', onModel),
    session.on('target', () => mark(session.target)),
  ];
  onPoses();
  const element = h(
    'section',
    { class: 'card panel pose-panel' },
    h('h2', {}, 'Choose a pose'),
    box,
    h(
      'div',
      { class: 'row' },
      h('button', { type: 'button', onclick: mirrored }, 'Mirror'),
      h('button', { type: 'button', onclick: change(() => session.person?.pose) }, 'The person’s pose'),
    ),
    h('label', { class: 'check' }, wholeLimb, 'Move the whole limb'),
    h('hr'),
    field('Sequence', select),
    h('div', { class: 'player' }, play, field('Speed', speed)),
  );
  return {
    element,
    movesLimb: () => wholeLimb.checked,
    pause: () => player.pause(),
    useFile,
    end: () => {
      player.pause();
      for (const end of ends) end();
    },
  };
}
