import { basename, dirname, join } from 'node:path';
import { withFileKind } from '../data/file-kind.js';
import { UsageError } from '../gpu/errors.js';
import type { Checkpoint } from '../model/checkpoint.js';
import { fromCheckpoint, type Nets } from '../model/checkpoint.js';
import {
  CHECKPOINT_FILE,
  checkpointName,
  type RunFiles,
  type RunInfo,
  runFiles,
  STATE_FILE,
  stateName,
} from '../model/run-files.js';
import type { TrainingState } from '../model/trainer.js';
import { fromStateFile, type StateInfo, stateFileInfo } from '../model/training-state.js';
import { namesIn, readBytes, removeFile, statOf, writeFileAtomic } from './files.js';

/** A checkpoint in a folder. */
export interface CheckpointFile {
  readonly step: number;
  readonly path: string;
}

export interface SaveOptions extends RunInfo {
  /** The number of latest checkpoints to keep in the folder; default 1. */
  readonly keep?: number;
  /** The iterations between regular checkpoints. Those of an interruption in between are removed first. */
  readonly every?: number;
}

/**
 * Saves a run into a folder as `checkpoint-00001000.safetensors` and a training state beside it. Each file is written
 * atomically, the checkpoint last, and the state's name contains the fingerprint of its weights. So every checkpoint in
 * the folder has its own state, whenever the machine stops. Older files are removed after that. Returns the checkpoint's
 * path.
 */
export function saveCheckpoint(folder: string, nets: Nets, state: TrainingState, options: SaveOptions): string {
  const files = runFiles(nets, state, options);
  writeFileAtomic(join(folder, files.state.name), files.state.bytes);
  const path = join(folder, files.checkpoint.name);
  writeFileAtomic(path, files.checkpoint.bytes);
  removeOld(folder, files, options);
  return path;
}

/** Removes the checkpoints before the saved one, except the latest that are kept, and then the states without a checkpoint. */
function removeOld(folder: string, saved: RunFiles, { keep = 1, every = 1 }: SaveOptions): void {
  const earlier = listCheckpoints(folder).filter((c) => c.step < saved.step);
  const due = earlier.filter(({ step }) => step % every === 0);
  const kept = new Set(due.slice(Math.max(0, due.length - Math.max(0, keep - 1))));
  for (const c of earlier) if (!kept.has(c)) removeFile(c.path);
  const left = new Set(listCheckpoints(folder).map((c) => c.step));
  for (const name of namesIn(folder)) {
    const match = STATE_FILE.exec(name);
    if (!match) continue;
    const step = Number(match[1]);
    if (!left.has(step) || (step === saved.step && name !== saved.state.name)) removeFile(join(folder, name));
  }
}

/** The checkpoints of a folder, the latest last. There are none if the folder does not exist. */
export function listCheckpoints(folder: string): CheckpointFile[] {
  if (!statOf(folder)?.isDirectory()) return [];
  return namesIn(folder)
    .map((name) => ({ name, step: Number(CHECKPOINT_FILE.exec(name)?.[1] ?? Number.NaN) }))
    .filter(({ step }) => !Number.isNaN(step))
    .map(({ name, step }) => ({ step, path: join(folder, name) }))
    .sort((a, b) => a.step - b.step);
}

/** Loads a checkpoint file, or the latest one of a folder. Throws `UsageError` if there is none. */
export function loadCheckpoint(path: string): Checkpoint & { readonly path: string } {
  const stat = statOf(path);
  const file = stat?.isDirectory() ? listCheckpoints(path).at(-1)?.path : path;
  if (!stat) throw new UsageError(`there is no checkpoint ${path}; name a .safetensors file or the folder of a run`);
  if (!file)
    throw new UsageError(
      `the folder ${path} holds no checkpoint (checkpoint-….safetensors); train into it first, or name another folder`,
    );
  if (STATE_FILE.test(basename(file)))
    throw new UsageError(`${file} is the training state beside a checkpoint; name ${besideState(file)}`);
  const refused = 'not a checkpoint of pose-gan';
  return { ...reading(file, refused, readBytes(file, 'checkpoint'), fromCheckpoint), path: file };
}

/** The result of `read`. If it throws and the file is of another kind, the error says which. */
function reading<T>(path: string, refused: string, bytes: Uint8Array, read: (bytes: Uint8Array, name: string) => T): T {
  try {
    return read(bytes, path);
  } catch (error) {
    throw withFileKind(error, bytes, path, refused);
  }
}

function besideState(file: string): string {
  return join(dirname(file), checkpointName(Number(STATE_FILE.exec(basename(file))?.[1])));
}

const STATE = 'not a training state of pose-gan';

type LoadedCheckpoint = Checkpoint & { readonly path: string };

/** The training state of a loaded checkpoint, checked against the networks for which it is meant. */
export function loadState(checkpoint: LoadedCheckpoint, nets: Nets): { state: TrainingState; info: StateInfo } {
  const { bytes, path } = stateFile(checkpoint);
  return reading(path, STATE, bytes, (b, name) => fromStateFile(b, name, checkpoint, nets));
}

/** The metadata of the training state of a loaded checkpoint. */
export function loadStateInfo(checkpoint: LoadedCheckpoint): StateInfo {
  const { bytes, path } = stateFile(checkpoint);
  return reading(path, STATE, bytes, (b, name) => stateFileInfo(b, name, checkpoint));
}

function stateFile(checkpoint: LoadedCheckpoint): { bytes: Uint8Array; path: string } {
  const path = join(dirname(checkpoint.path), stateName(checkpoint.info.step, checkpoint.fingerprint));
  if (!statOf(path)) {
    const others = namesIn(dirname(checkpoint.path)).filter((n) => STATE_FILE.exec(n)?.[1]);
    throw new UsageError(
      `${checkpoint.path} cannot be resumed: its training state ${basename(path)} is not beside it` +
        `${others.length ? ` (there is ${others.join(', ')}, of other weights)` : ''}. ` +
        'Copy both files together, or start a new run from the weights alone.',
    );
  }
  return { bytes: readBytes(path, 'training state'), path };
}
