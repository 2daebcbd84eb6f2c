import { fieldsOf } from '../data/json.js';
import { readSafetensors, writeSafetensors } from '../data/safetensors.js';
import { BYTES, COUNT, checked, NATURAL, recordOf, STRING } from '../gpu/arguments.js';
import { UsageError } from '../gpu/errors.js';
import {
  addTensors,
  CHECKPOINT,
  type Checkpoint,
  checkFinite,
  checkFormat,
  countField,
  fileName,
  fingerprint,
  jsonField,
  NETS,
  type Net,
  type Nets,
  takeTensors,
  throwProblems,
  weightsOf,
} from './checkpoint.js';
import { STATE, type TrainingState } from './trainer.js';

/** The metadata of a state file. */
export interface StateInfo {
  /** The seed of the order of the pairs. The position in that order follows from the step. */
  readonly orderSeed: number;
  /** The number of images per iteration, on which the order also depends. */
  readonly batch: number;
  /** Other values of a run as JSON, such as the data folder or the best score so far. */
  readonly notes?: Readonly<Record<string, unknown>>;
}

const FORMAT = 'webgpu-pose-gan training state';
const MOMENTS = ['m', 'v'] as const;

/**
 * The bytes of the file beside a checkpoint with which training continues bit for bit: Adam's moments in PyTorch layouts,
 * named as the parameters with the prefixes `m.` and `v.`, and the counters. `checkpoint` is the file of the checkpoint to
 * which the state belongs.
 */
export function toStateFile(
  ...args: [nets: Nets, state: TrainingState, info: StateInfo, checkpoint: Uint8Array]
): Uint8Array {
  const about = { orderSeed: NATURAL, batch: COUNT, 'notes?': recordOf() };
  const kinds = { nets: NETS, state: STATE, info: about, checkpoint: BYTES };
  const [nets, state, info, checkpoint] = checked('toStateFile', kinds, args);
  const file = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const net of Object.keys(nets) as Net[])
    for (const moment of MOMENTS)
      addTensors(file, nets[net], state.moments[`${net}.${moment}`], (p) => `${moment}.${fileName(net, p)}`);
  return writeSafetensors(file, {
    format: FORMAT,
    version: '1',
    weights: fingerprint(checkpoint),
    step: String(state.step),
    randomStep: String(state.randomStep),
    orderSeed: String(info.orderSeed),
    batch: String(info.batch),
    notes: JSON.stringify(info.notes ?? {}),
  });
}

/** The metadata of a state file. Throws `UsageError` if it is not a state file, or belongs to other weights. */
export function stateFileInfo(bytes: Uint8Array, name: string, checkpoint: Checkpoint): StateInfo {
  return readState(bytes, name, checkpoint).info;
}

function readState(bytes: Uint8Array, name: string, checkpoint: Checkpoint) {
  const { metadata, tensors } = readSafetensors(bytes, name);
  checkFormat(name, metadata, FORMAT);
  const count = (key: string) => countField(name, metadata, key);
  const step = count('step');
  if (metadata.weights !== checkpoint.fingerprint || step !== checkpoint.info.step)
    throw new UsageError(
      `${name} (step ${step}) is not the training state of ${checkpoint.name} (step ${checkpoint.info.step}): ` +
        'it belongs to other weights. Use the two files that were saved together, or start a new run.',
    );
  checkFinite(name, tensors);
  const notes = fieldsOf(jsonField(name, metadata, 'notes'), `${name}: its notes`);
  const info: StateInfo = { orderSeed: count('orderSeed'), batch: count('batch'), notes };
  return { info, tensors, counters: { step, randomStep: count('randomStep') } };
}

/**
 * The complete state of a run, from a checkpoint and its state file. Throws `UsageError` if names or shapes do not fit, or
 * if the state belongs to other weights.
 */
export function fromStateFile(...args: [bytes: Uint8Array, name: string, checkpoint: Checkpoint, nets: Nets]): {
  state: TrainingState;
  info: StateInfo;
} {
  const kinds = { bytes: BYTES, name: STRING, checkpoint: CHECKPOINT, nets: NETS };
  const [bytes, name, checkpoint, nets] = checked('fromStateFile', kinds, args);
  const { info, tensors, counters } = readState(bytes, name, checkpoint);
  const weights = weightsOf(checkpoint, nets);
  const problems: string[] = [];
  const moments: Partial<Record<keyof TrainingState['moments'], Map<string, Float32Array>>> = {};
  for (const net of Object.keys(nets) as Net[])
    for (const moment of MOMENTS)
      moments[`${net}.${moment}`] = takeTensors(tensors, nets[net], (p) => `${moment}.${fileName(net, p)}`, problems);
  throwProblems(name, problems, 'Resume with the configuration that the run was started with.');
  return { state: { ...weights, moments: moments as TrainingState['moments'], ...counters }, info };
}
