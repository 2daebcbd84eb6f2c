import { withFileKind } from '../../../src/data/file-kind.js';
import { PLACES } from '../../../src/data/synth/backdrop.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { type Checkpoint, fromCheckpoint } from '../../../src/model/checkpoint.js';
import type { LogRow } from '../../../src/model/iterate.js';
import { checkpointName, type RunFile, type RunFiles, STATE_FILE } from '../../../src/model/run-files.js';
import { type StateInfo, stateFileInfo } from '../../../src/model/training-state.js';
import type { Base, DataChoice, Settings } from './protocol.js';

/** A run to go on with: its files, and what there is to say about it. */
export interface LoadedBase {
  readonly checkpoint: Checkpoint;
  /** The files with which it goes on exactly; absent when there are weights alone. */
  readonly snapshot?: RunFiles;
  readonly rows: readonly LogRow[];
  readonly about: Base;
}

/**
 * A run from the files of a snapshot: a checkpoint and its training state, or a checkpoint alone, of which the weights are taken.
 * `UsageError` when they are something else, do not belong together, or need features that a page does not have.
 */
export function baseOf(files: readonly RunFile[], rows: readonly LogRow[] = [], when?: number): LoadedBase {
  const states = files.filter((f) => f.name.endsWith('.state.safetensors'));
  const checkpoints = files.filter((f) => !states.includes(f));
  const [file, second] = checkpoints;
  if (!file)
    throw new UsageError(
      states[0]
        ? `${states[0].name} is the training state beside a checkpoint; drop ${besideState(states[0].name)} with it`
        : 'there is no checkpoint to load; drop checkpoint-….safetensors, and its .state.safetensors beside it to go on exactly',
    );
  if (second) throw new UsageError(`one checkpoint can be loaded, there are ${file.name} and ${second.name}`);
  const checkpoint = checkpointOf(file);
  const { info } = checkpoint;
  if (info.features === 'vgg19')
    throw new UsageError(
      `${file.name} was trained with VGG-19 features, which this page does not have; go on with pose-gan train --resume`,
    );
  const state = states.find((s) => STATE_FILE.exec(s.name)?.[2] === checkpoint.fingerprint) ?? states[0];
  const stateInfo = state && stateFileInfo(state.bytes, state.name, checkpoint);
  return {
    checkpoint,
    snapshot: state && { step: info.step, checkpoint: file, state },
    rows: rows.filter((row) => row.step <= info.step),
    about: {
      ...{ name: file.name, step: info.step, exact: state !== undefined, when },
      settings: settingsOf(checkpoint, stateInfo),
      data: dataOf(stateInfo),
    },
  };
}

function checkpointOf({ bytes, name }: RunFile): Checkpoint {
  try {
    return fromCheckpoint(bytes, name);
  } catch (error) {
    throw withFileKind(error, bytes, name, 'not a checkpoint of pose-gan');
  }
}

function besideState(name: string): string {
  const step = STATE_FILE.exec(name)?.[1];
  return step ? checkpointName(Number(step)) : 'the checkpoint';
}

function settingsOf({ info }: Checkpoint, state: StateInfo | undefined): Settings {
  const { preset = 'paper', size = 'market', ablation = 'full', width = 1 } = info.recipe;
  const { learningRate, batch } = info.config;
  return { preset, size, ablation, width, learningRate, batch: state?.batch ?? batch, seed: info.seed };
}

/** The notes of a state file may be anything. */
function dataOf(state: StateInfo | undefined): DataChoice | undefined {
  const data = state?.notes?.data as Partial<Record<string, unknown>> | undefined;
  if (data?.kind === 'synthetic' && Number.isInteger(data.people) && Number.isInteger(data.seed)) {
    const place = PLACES.find((p) => p === data.place) ?? 'anywhere';
    return { kind: 'synthetic', people: data.people as number, seed: data.seed as number, place };
  }
  if (data?.kind === 'folder' && typeof data.name === 'string')
    return { kind: 'folder', name: data.name, resize: data.resize === true, skipBad: data.skipBad === true };
  return undefined;
}
