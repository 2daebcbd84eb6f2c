import type { Tensor, TensorData } from '../autograd/tensor.js';
import type { HostTimes, Plan } from '../compiler/plan.js';
import { summarise, type Times } from '../gpu/measure.js';

/** What the host does for an iteration. All times in milliseconds. */
export interface HostProfile {
  /** The call `plan.run`, and its parts: writing inputs, recording commands, submitting them. */
  readonly run: Times;
  readonly inputs: Times;
  readonly recording: Times;
  readonly submission: Times;
  /** Asking for the smallest output; the wait for it is not counted. */
  readonly readBack: Times;
  /** Recording commands alone, while the device rests. */
  readonly recordingAtRest: Times;
}

/** Recordings before those that count. */
const WARM_UP = 300;

type Run = HostTimes & { readonly readBack: number };

/** Times the host in runs as training makes them: each asks for its losses, and the next does not wait for them. */
export class HostClock {
  #runs: Run[] = [];
  readonly #output: Tensor;

  constructor(
    private readonly plan: Plan,
    private readonly feeds: Readonly<Record<string, TensorData>>,
  ) {
    this.#output = Object.values(plan.outputs).sort((a, b) => a.size - b.size)[0] as Tensor;
  }

  /** Runs the plan; resolves when its output is there. */
  async run(): Promise<void> {
    const times = this.plan.runTimed(this.feeds);
    const begin = performance.now();
    const output = this.#output.dtype === 'f32' ? this.plan.read(this.#output) : this.plan.readUint(this.#output);
    this.#runs.push({ ...times, readBack: performance.now() - begin });
    await output;
  }

  /**
   * Records commands as often as it takes until JavaScript's compiler has done its best with that code: a training run of thousands
   * of iterations spends a moment before that, a profile of a few would be nothing else.
   */
  warmUp(): void {
    for (let i = 0; i < WARM_UP; i++) this.plan.encode().finish();
  }

  /** Leaves out the runs so far. */
  forget(): void {
    this.#runs = [];
  }

  /** The runs since then, and so many recordings more. */
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
