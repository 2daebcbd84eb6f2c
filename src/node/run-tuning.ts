import { join } from 'node:path';
import { type TuneOptions, tune } from '../compiler/tune.js';
import type { Engine } from '../gpu/engine.js';
import { Tuning } from '../gpu/tuner.js';
import { broadcastText, type Collective } from '../model/collective.js';
import { type TrainerOptions, trainingCalls } from '../model/trainer.js';
import { isThere, removeFile, writeFileAtomic } from './files.js';
import { readTuning, saveTuning, tuningText } from './tuning-files.js';

type Note = (text: string) => void;

/**
 * Sets the engine's tuning for a run in a folder. A new run stores its tuning there, after having timed the kernels if `options` are
 * given. A resumed run reuses what was stored, or none, because other kernels sum in another order.
 */
export async function chooseTuning(
  engine: Engine,
  folder: string,
  resume: boolean,
  made: TrainerOptions,
  options: TuneOptions | undefined,
  onNote: Note = () => {},
): Promise<void> {
  const path = join(folder, 'tuning.json');
  if (resume) {
    const tuning = isThere(path) ? readTuning(path) : undefined;
    const mismatch = tuning?.mismatch(engine.adapter);
    if (mismatch)
      onNote(`the run’s tuning was ${mismatch}: kernels are chosen by rule, and results may differ in the last bits`);
    engine.tuning = mismatch ? undefined : tuning;
    return;
  }
  if (options) {
    const { timed, classes } = await tune(engine, await trainingCalls(engine, made), options);
    const better = classes.filter(({ choice }) => choice.variant !== choice.rule).length;
    onNote(
      `tuned: ${timed} of ${classes.length} classes of kernels were timed now; ${better} use another kernel than the rule’s`,
    );
    try {
      if (engine.tuning && timed) saveTuning(engine.tuning);
    } catch (error) {
      onNote(`the tuning is used only for this run, as it cannot be stored: ${(error as Error).message}`);
    }
  }
  if (engine.tuning) writeFileAtomic(path, tuningText(engine.tuning));
  else removeFile(path);
}

/** Gives all ranks the tuning of rank 0. Where it is of another adapter, kernels are chosen by rule. */
export async function shareTuning(engine: Engine, ranks: Collective): Promise<void> {
  const text = await broadcastText(ranks, engine.tuning ? tuningText(engine.tuning) : '');
  if (ranks.rank === 0) return;
  const tuning = text ? Tuning.fromJSON(JSON.parse(text), 'the tuning of rank 0') : undefined;
  engine.tuning = tuning?.mismatch(engine.adapter) ? undefined : tuning;
}
