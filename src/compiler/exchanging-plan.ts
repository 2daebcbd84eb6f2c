import { type Node, sizeOf } from '../autograd/tensor.js';
import { COUNT, checked, FUNCTION } from '../gpu/arguments.js';
import { GPU_BUFFER } from '../gpu/engine.js';
import type { Outcomes } from '../gpu/error-scopes.js';
import { align } from '../gpu/parameter-storage.js';
import { present } from '../present.js';
import type { Plan } from './plan.js';

/** A range of elements of a slab of gradients. */
interface Range {
  readonly buffer: GPUBuffer;
  readonly from: number;
  readonly to: number;
}

/** A range, and the number of the plan's steps after which its gradients are complete. */
interface ReadyRange extends Range {
  readonly ready: number;
}

/** Gradients that are exchanged together. */
interface Bucket {
  readonly ranges: readonly Range[];
  readonly ready: number;
  readonly staging: GPUBuffer;
  /** The values of all ranges, one after the other, on the host. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** Replaces the values of some gradients by those with which the update is made. */
export type Exchange = (values: Float32Array<ArrayBuffer>) => Promise<void>;

/** The least size of a bucket in bytes, except of the last one before an update. */
const BUCKET_BYTES = 2 ** 25;

/**
 * Replays a plan, and stops before each of its updates of parameters until the host has exchanged the gradients with other processes.
 * The kernels are those of `plan.run`, so only the exchange can change a bit.
 *
 * Gradients are exchanged in buckets, in the order in which the plan completes them. While the host exchanges one, the device computes
 * the gradients of the next.
 */
export class ExchangingPlan {
  private constructor(
    readonly plan: Plan,
    /** The buckets of each update, in order. */
    private readonly updates: readonly (readonly Bucket[])[],
  ) {}

  /** How long the device has waited for exchanges in all runs together, in milliseconds. */
  waitedMs = 0;

  /** Makes the buffers for the exchange. `updates` are the plan's updates in order. `bucketBytes` is the least size of a bucket. */
  static async create(plan: Plan, updates: readonly Node[], bucketBytes = BUCKET_BYTES): Promise<ExchangingPlan> {
    checked('ExchangingPlan.create', { bucketBytes: COUNT }, [bucketBytes]);
    const outcomes: Outcomes = [];
    const buckets = updates.map((update) => {
      return grouped(readyRanges(plan, update), bucketBytes).map((ranges): Bucket => {
        const elements = ranges.reduce((n, { from, to }) => n + to - from, 0);
        const usage = GPU_BUFFER.COPY_DST | GPU_BUFFER.MAP_READ;
        return {
          ranges: joined(ranges),
          ready: Math.max(...ranges.map(({ ready }) => ready)),
          staging: plan.engine.buffer('exchange of gradients', 4 * elements, usage, outcomes),
          values: new Float32Array(elements),
        };
      });
    });
    const made = new ExchangingPlan(plan, buckets);
    try {
      await plan.engine.wait(Promise.all(outcomes));
      return made;
    } catch (error) {
      made.destroy();
      throw error;
    }
  }

  /** The number of buckets of each update, and the bytes of all. */
  get buckets(): { readonly counts: readonly number[]; readonly bytes: number } {
    const bytes = this.updates.flat().reduce((n, { values }) => n + values.byteLength, 0);
    return { counts: this.updates.map((list) => list.length), bytes };
  }

  /**
   * Runs the plan once. `exchange` is called for every bucket, in the same order in every run, without waiting for the one before.
   * The promise resolves when the last part is submitted.
   */
  async run(inputs: Parameters<Plan['feed']>[0], exchange: Exchange): Promise<void> {
    checked('ExchangingPlan.run', { exchange: FUNCTION }, [exchange]);
    const { plan } = this;
    plan.feed(inputs);
    let from = 0;
    for (const buckets of this.updates) {
      const mapped = buckets.map((bucket) => {
        this.#submit(from, bucket.ready, bucket);
        from = bucket.ready;
        const reading = plan.engine.wait(
          plan.engine.scoped('read gradients', () => bucket.staging.mapAsync(1 /* READ */)),
        );
        // It is awaited below, perhaps only after another error.
        reading.catch(() => {});
        return { bucket, reading };
      });
      const exchanged: Promise<void>[] = [];
      for (const { bucket, reading } of mapped) {
        await reading;
        bucket.values.set(new Float32Array(bucket.staging.getMappedRange()));
        bucket.staging.unmap();
        const done = exchange(bucket.values).then(() => this.#write(bucket));
        done.catch(() => {});
        exchanged.push(done);
      }
      const computed = performance.now();
      await Promise.all(exchanged);
      this.waitedMs += performance.now() - computed;
    }
    this.#submit(from, plan.steps.length);
  }

  /** Submits the steps [from, to), and a copy of a bucket's gradients for the host. */
  #submit(from: number, to: number, bucket?: Bucket): void {
    const { plan } = this;
    const encoder = plan.encode(from, to);
    let at = 0;
    for (const { buffer, ...range } of bucket?.ranges ?? []) {
      const size = 4 * (range.to - range.from);
      encoder.copyBufferToBuffer(buffer, 4 * range.from, present(bucket).staging, at, size);
      at += size;
    }
    plan.engine.submit(encoder, 'run');
    plan.engine.counters.dispatches += to - from;
  }

  #write({ ranges, values }: Bucket): void {
    let at = 0;
    for (const { buffer, from, to } of ranges) {
      this.plan.engine.write(buffer, 4 * from, values.subarray(at, at + to - from));
      at += to - from;
    }
  }

  /** Frees the buffers for the exchange. The plan is not destroyed. */
  destroy(): void {
    for (const { staging } of this.updates.flat()) staging.destroy();
  }
}

/** The ranges in which the gradients for an update lie, in the order in which they are completed. */
function readyRanges({ steps, parts }: Plan, update: Node): readonly ReadyRange[] {
  const at = steps.findIndex(({ call }) => call.node === update);
  const { set } = present(update.op.update?.(update.attrs));
  const found = new Map<string, ReadyRange>();
  for (const [i, { call }] of steps.slice(0, at).entries())
    for (const [name, { shape }] of Object.entries(call.outputs)) {
      const { allocation, offset: from, buffer = allocation } = present(call.buffers[name]);
      const { slab } = allocation;
      if (allocation.kind !== 'gradient' || slab?.set !== set) continue;
      const to = from + align(sizeOf(shape));
      found.set(`${slab.index} ${from}`, { buffer: present(parts.buffers.get(buffer)), from, to, ready: i + 1 });
    }
  const ranges = [...found.values()].sort((a, b) => a.ready - b.ready || a.from - b.from);
  const elements = ranges.reduce((n, { from, to }) => n + to - from, 0);
  const expected = set.tensors.reduce((n, t) => n + align(t.size), 0);
  if (elements !== expected)
    throw new Error(`the plan computes ${elements} elements of gradients for ${expected} of ${set.name}`);
  return ranges;
}

/** Groups ranges in order, so that each group but the last has at least `bytes`. */
function grouped(ranges: readonly ReadyRange[], bytes: number): readonly (readonly ReadyRange[])[] {
  const groups: ReadyRange[][] = [];
  let left = 0;
  for (const range of ranges) {
    if (left <= 0) {
      groups.push([]);
      left = bytes;
    }
    present(groups.at(-1)).push(range);
    left -= 4 * (range.to - range.from);
  }
  return groups;
}

/** The same elements in as few ranges as possible. */
function joined(ranges: readonly ReadyRange[]): readonly Range[] {
  const found: Range[] = [];
  for (const { buffer, from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    const i = found.findIndex((range) => range.buffer === buffer && range.to === from);
    const before = found[i];
    if (before) found[i] = { buffer, from: before.from, to };
    else found.push({ buffer, from, to });
  }
  return found;
}
