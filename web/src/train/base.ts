import { withFileKind } from '../../../src/data/file-kind.js';
import { PLACES } from '../../../src/data/synth/backdrop.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { type Checkpoint, fromCheckpoint } from '../../../src/model/checkpoint.js';
import type { LogRow } from '../../../src/model/iterate.js';
import { checkpointName, type RunFile, type RunFiles, STATE_FILE } from '../../../src/model/run-files.js';
import { type StateInfo, stateFileInfo } from '../../../src/model/training-state.js';
import type { Base, DataChoice, Settings } from './protocol.js';

/** A run to continue, with its files and facts about it. */
export interface LoadedBase {
  readonly checkpoint: Checkpoint;
  /** The files with which it continues exactly; absent if there are only weights. */
  readonly snapshot?: RunFiles;
  readonly rows: readonly LogRow[];
  readonly about: Base;
}

/**
 * Reads a run from a checkpoint and its training state, or only the weights from a checkpoint alone. Throws `UsageError` if the
 * files are something else, do not belong together, or need features that a page does not have.
 */
export function baseOf(files: readonly RunFile[], rows: readonly LogRow[] = [], when?: number): LoadedBase {
  const states = files.filter((f) => f.name.endsWith('.state.safetensors'));
  const checkpoints = files.filter((f) => !states.includes(f));
  const [file, second] = checkpoints;
  if (!file)
    throw new UsageError(
      states[0]
        ? `${states[0].name} is the training state of a checkpoint; drop ${checkpointOfState(states[0].name)} together with it`
        : 'there is no checkpoint to load; drop checkpoint-….safetensors, together with its .state.safetensors to continue exactly',
    );
  if (second) throw new UsageError(`${file.name} and ${second.name} are both checkpoints; load one at a time`);
  const checkpoint = checkpointOf(file);
  const { info } = checkpoint;
  if (info.features === 'vgg19')
    throw new UsageError(
      `${file.name} was trained with VGG-19 features, which this page does not have; continue with pose-gan train --resume`,
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

function checkpointOfState(name: string): string {
  const step = STATE_FILE.exec(name)?.[1];
  return step ? checkpointName(Number(step)) : 'the checkpoint';
}

function settingsOf({ info }: Checkpoint, state: StateInfo | undefined): Settings {
  const { preset = 'paper', size = 'market', ablation = 'full', width = 1 } = info.recipe;
  const { learningRate, batch } = info.config;
  return { preset, size, ablation, width, learningRate, batch: state?.batch ?? batch, seed: info.seed };
}

/** The data of a run from the notes of its state file, which may contain anything. */
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
