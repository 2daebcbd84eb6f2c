import type { Tensor, TensorData } from '../autograd/tensor.js';
import type { HostTimes, Plan } from '../compiler/plan.js';
import { summarise, type Times } from '../gpu/measure.js';

/** What the host does in an iteration, in milliseconds. */
export interface HostProfile {
  /** The call `plan.run`; its parts `inputs`, `recording` and `submission` write inputs, record commands and submit them. */
  readonly run: Times;
  readonly inputs: Times;
  readonly recording: Times;
  readonly submission: Times;
  /** The call that requests the smallest output, without the wait for it. */
  readonly readBack: Times;
  /** Recording of commands while the device is idle. */
  readonly recordingAtRest: Times;
}

/** Number of recordings before the measured ones. */
const WARM_UP = 300;

type Run = HostTimes & { readonly readBack: number };

/** Times the host in runs like those of training: each run requests its losses, and the next one does not wait for them. */
export class HostClock {
  #runs: Run[] = [];
  readonly #output: Tensor;

  constructor(
    private readonly plan: Plan,
    private readonly feeds: Readonly<Record<string, TensorData>>,
  ) {
    this.#output = Object.values(plan.outputs).sort((a, b) => a.size - b.size)[0] as Tensor;
  }

  /** Runs the plan; resolves when its output has arrived. */
  async run(): Promise<void> {
    const times = this.plan.runTimed(this.feeds);
    const begin = performance.now();
    const output = this.#output.dtype === 'f32' ? this.plan.read(this.#output) : this.plan.readUint(this.#output);
    this.#runs.push({ ...times, readBack: performance.now() - begin });
    await output;
  }

  /**
   * Records commands so often that JavaScript's compiler has optimised that code. A training run reaches this state soon,
   * but a profile of a few iterations would measure unoptimised code only.
   */
  warmUp(): void {
    for (let i = 0; i < WARM_UP; i++) this.plan.encode().finish();
  }

  /** Discards the runs so far. */
  reset(): void {
    this.#runs = [];
  }

  /** The profile of the runs since the last `reset`, and of `recordings` recordings that it makes now. */
  profile(recordings: number): HostProfile {
    const atRest = Array.from({ length: recordings }, () => {
      const begin = performance.now();
      this.plan.encode().finish();
      return performance.now() - begin;
    });
    const of = (value: (run: Run) => number) => summarise(this.#runs.map(value));
    return {
      run: of((r) => r.inputs + r.recording + r.submission),
      inputs: of((r) => r.inputs),
      recording: of((r) => r.recording),
      submission: of((r) => r.submission),
      readBack: of((r) => r.readBack),
      recordingAtRest: summarise(atRest),
    };
  }
}
