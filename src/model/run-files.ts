import { type CheckpointInfo, fingerprint, type Nets, toCheckpoint } from './checkpoint.js';
import type { TrainingState } from './trainer.js';
import { type StateInfo, toStateFile } from './training-state.js';

/** The name of a checkpoint's file. The first group is the step. */
export const CHECKPOINT_FILE = /^checkpoint-(\d{8,})\.safetensors$/;
/** The name of the file with its training state. The second group is the fingerprint of the weights. */
export const STATE_FILE = /^checkpoint-(\d{8,})-([0-9a-f]{16})\.state\.safetensors$/;

export const checkpointName = (step: number) => `checkpoint-${String(step).padStart(8, '0')}.safetensors`;
export const stateName = (step: number, weights: string) =>
  `checkpoint-${String(step).padStart(8, '0')}-${weights}.state.safetensors`;

/** The metadata of a run's files. */
export interface RunInfo {
  readonly info: Omit<CheckpointInfo, 'library' | 'step'>;
  readonly stateInfo: StateInfo;
}

export interface RunFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The two files from which training continues bit for bit, with the names that `pose-gan train --resume` looks for. */
export interface RunFiles {
  readonly step: number;
  readonly checkpoint: RunFile;
  readonly state: RunFile;
}

/** The files of a run at its current step. */
export function runFiles(nets: Nets, state: TrainingState, { info, stateInfo }: RunInfo): RunFiles {
  const { step } = state;
  const checkpoint = toCheckpoint(nets, state, { ...info, step });
  return {
    step,
    checkpoint: { name: checkpointName(step), bytes: checkpoint },
    state: {
      name: stateName(step, fingerprint(checkpoint)),
      bytes: toStateFile(nets, state, stateInfo, checkpoint),
    },
  };
}
