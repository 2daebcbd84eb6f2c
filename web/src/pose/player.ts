import { fillMissing, walk } from '../../../src/pose/sequence.js';
import type { Pose, Skeleton } from '../../../src/pose/skeleton.js';

/** Frames from one pose of a list to the next. */
const FRAMES_BETWEEN = 12;
/** Frames of a cycle of walking. */
const WALK_FRAMES = 24;

/** A cycle of walking with the body of `pose`. Throws `UsageError` for a skeleton that cannot walk. */
export function walkFrames(skeleton: Skeleton, pose: Pose, size: { height: number; width: number }): Pose[] {
  return walk(skeleton, pose, WALK_FRAMES, size);
}

/** Frames that move the joints on straight lines from each pose to the next, and from the last back to the first. */
export function tour(poses: readonly Pose[]): Pose[] {
  const [first] = poses;
  if (!first || poses.length < 2) return [...poses];
  const nothing: Pose = first.map(() => null);
  const keys = [...poses, first].flatMap((pose, i) =>
    i ? [...new Array<Pose>(FRAMES_BETWEEN - 1).fill(nothing), pose] : [pose],
  );
  return fillMissing(keys).slice(0, -1);
}

/** Plays frames in a loop. */
export class Player {
  #frames: readonly Pose[] = [];
  #position = 0;
  #request: number | undefined;
  #before = 0;
  framesPerSecond = 12;

  /** Calls `onFrame` for every new frame, and `onChange` when it starts or stops. */
  constructor(
    private readonly onFrame: (pose: Pose, index: number) => void,
    private readonly onChange: (playing: boolean) => void,
  ) {}

  get playing(): boolean {
    return this.#request !== undefined;
  }

  get length(): number {
    return this.#frames.length;
  }

  play(frames: readonly Pose[], from = 0): void {
    this.pause();
    if (!frames.length) return;
    this.#frames = frames;
    this.#position = from % frames.length;
    this.#before = performance.now();
    this.#request = requestAnimationFrame((t) => this.#tick(t));
    this.#show();
    this.onChange(true);
  }

  pause(): void {
    if (this.#request === undefined) return;
    cancelAnimationFrame(this.#request);
    this.#request = undefined;
    this.onChange(false);
  }

  #show(): void {
    const index = Math.floor(this.#position);
    const pose = this.#frames[index];
    if (pose) this.onFrame(pose, index);
  }

  #tick(time: number): void {
    // Limit the step, so that playing continues from the same frame after the page was hidden.
    const seconds = Math.min(0.25, Math.max(0, time - this.#before) / 1000);
    this.#before = time;
    const before = Math.floor(this.#position);
    this.#position = (this.#position + seconds * this.framesPerSecond) % this.#frames.length;
    this.#request = requestAnimationFrame((t) => this.#tick(t));
    if (Math.floor(this.#position) !== before) this.#show();
  }
}
