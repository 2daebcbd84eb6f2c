import type { ModelFrame } from '../../../src/data/named-pose.js';
import type { SynthPicture } from '../../../src/data/synth.js';
import type { PosePair } from '../../../src/model/pairs.js';
import { isValid, type Pose } from '../../../src/pose/skeleton.js';
import { Calls, WorkerFailure } from '../rpc.js';
import type { Person } from './framing.js';
import { type Library, libraryFor, type Sample } from './library.js';
import type { Generated, Inside, Model, ModelFile, PoseCalls, PoseNotice, Progress } from './protocol.js';

/** A drawn sample of the library. */
export interface DrawnSample extends SynthPicture {
  readonly label: string;
}

/** The part of the state that changed. */
export type Change = 'model' | 'person' | 'target' | 'picture' | 'busy' | 'people' | 'poses';

/** Messages to the user. */
export interface Messages {
  status(text: string): void;
  error(text: string): void;
  /** A remark about how a file was read. */
  note(text: string): void;
}

/** The checkpoint that comes with the app. */
const OWN: ModelFile = { name: 'person.safetensors', url: new URL('person.safetensors', document.baseURI).href };
/** Number of lost devices within a time that the page recovers from. */
const MAX_LOSSES = { count: 3, withinMs: 60_000 };

/** The state of the Pose page. It outlives the page, so that everything is unchanged when the user comes back. */
export class Session {
  model: Model | undefined;
  /** Whether the model is the one that comes with the app. */
  own = true;
  library: Library | undefined;
  people: DrawnSample[] = [];
  poses: DrawnSample[] = [];
  person: Person | undefined;
  target: Pose | undefined;
  picture: Generated | undefined;
  /** Milliseconds from the opening of the page to its first picture. */
  firstPictureMs: number | undefined;
  messages: Messages = { status: () => {}, error: () => {}, note: () => {} };

  readonly #calls = new Calls<PoseCalls, PoseNotice>(
    new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'pose' }),
    (notice) => this.#lost(notice),
  );
  readonly #listeners = new Map<Change, Set<() => void>>();
  readonly #losses: number[] = [];
  #requested = false;
  #busy = false;
  #recovering = false;

  on(change: Change, listener: () => void): () => void {
    const listeners = this.#listeners.get(change) ?? new Set();
    this.#listeners.set(change, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  #emit(change: Change): void {
    for (const listener of this.#listeners.get(change) ?? []) listener();
  }

  get frame(): ModelFrame | undefined {
    return this.model && { ...this.model.config, skeleton: this.model.skeleton };
  }

  /** Loads the model that comes with the app. */
  async loadOwn(): Promise<void> {
    await this.#load(OWN);
    this.own = true;
    this.#emit('model');
  }

  /** Loads a user's checkpoint. If it cannot be used, rejects with the reason and keeps the model before. */
  async loadFile(file: File): Promise<void> {
    this.messages.status(`Reading ${file.name} …`);
    await this.#load({ name: file.name, file });
    this.own = false;
    this.#emit('model');
  }

  async #load(file: ModelFile): Promise<void> {
    const before = this.model;
    const model = await this.#calls.call('load', file, (p) => this.messages.status(progressText(file.name, p)));
    this.model = model;
    this.picture = undefined;
    const { config, skeleton } = model;
    const same =
      before?.config.height === config.height &&
      before.config.width === config.width &&
      JSON.stringify(before.skeleton) === JSON.stringify(skeleton);
    if (same) {
      this.requestPicture();
      return;
    }
    this.library = libraryFor(skeleton);
    [this.people, this.poses, this.person, this.target] = [[], [], undefined, undefined];
    this.messages.status('Drawing sample people …');
    void this.#drawLibrary(model).catch((error: Error) => this.messages.error(error.message));
  }

  /** Draws the first person and pose, requests their picture, and then draws the others. */
  async #drawLibrary(model: Model): Promise<void> {
    const library = this.library;
    if (!library) {
      this.messages.status(
        `The app cannot draw samples for the skeleton “${model.skeleton.name}”; give a picture of your own.`,
      );
      return;
    }
    const { height, width } = model.config;
    const { object, seed } = library;
    const draw = async ({ label, identity, index }: Sample, change: Change): Promise<DrawnSample | undefined> => {
      // The app's model was trained on people in the studio. The place does not matter for a pose.
      const place = change === 'people' ? 'studio' : 'anywhere';
      const drawn = await this.#calls.call('draw', { object, seed, identity, index, height, width, place });
      return isValid(model.skeleton, drawn.pose) && model === this.model ? { label, ...drawn } : undefined;
    };
    const [people, poses] = [[...library.people], [...library.poses]];
    const next = async (samples: Sample[], list: DrawnSample[], change: Change) => {
      const sample = samples.shift();
      const drawn = sample && (await draw(sample, change));
      if (!drawn) return;
      list.push(drawn);
      if (change === 'people' && !this.person) this.choosePerson(drawn);
      if (change === 'poses' && !this.target) this.setTarget(drawn.pose);
      this.#emit(change);
    };
    while ((people.length || poses.length) && model === this.model) {
      await next(people, this.people, 'people');
      await next(poses, this.poses, 'poses');
    }
  }

  choosePerson({ label, image, pose }: DrawnSample): void {
    this.setPerson({ label, image, pose });
  }

  setPerson(person: Person): void {
    this.person = person;
    // Without a library of poses, the first target is the person's own pose.
    this.target ??= this.library ? undefined : person.pose;
    this.#emit('person');
    if (this.target) this.#emit('target');
    this.requestPicture();
  }

  setTarget(pose: Pose): void {
    this.target = pose;
    this.#emit('target');
    this.requestPicture();
  }

  /** Inspects the model for the current pair; resolves with `undefined` if there is no pair. */
  async inspect(): Promise<Inside | undefined> {
    const pair = this.#pair();
    return pair && this.#calls.call('inspect', pair);
  }

  #pair(): PosePair | undefined {
    const { person, target } = this;
    return person && target && { image: person.image, pose: person.pose, target };
  }

  /** Requests the picture of the current pair. One is generated at a time; of several requests in that time only the last counts. */
  requestPicture(): void {
    this.#requested = true;
    if (!this.#busy) void this.#generate();
  }

  async #generate(): Promise<void> {
    this.#setBusy(true);
    while (this.#requested) {
      this.#requested = false;
      const { model } = this;
      const pair = this.#pair();
      if (!model || !pair) break;
      if (!this.picture && !this.#recovering) this.messages.status('Preparing the network …');
      try {
        const picture = await this.#calls.call('generate', pair);
        // Another model may have been loaded in the meantime.
        if (model === this.model) this.#show(picture);
      } catch (error) {
        // `#lost` reports a lost device and requests the picture again.
        const lost = error instanceof WorkerFailure && error.name === 'DeviceLostError';
        if (!lost && model === this.model) this.messages.error((error as Error).message);
      }
    }
    this.#setBusy(false);
  }

  /** Whether a picture is being generated. */
  get busy(): boolean {
    return this.#busy;
  }

  #setBusy(busy: boolean): void {
    this.#busy = busy;
    this.#emit('busy');
  }

  #show(picture: Generated): void {
    const first = !this.picture;
    this.picture = picture;
    this.firstPictureMs ??= performance.mark('first-picture').startTime;
    if (first) this.messages.status('Ready.');
    if (this.#recovering)
      this.messages.status('The GPU device was lost. Another was opened, and the page works again.');
    this.#recovering = false;
    this.#emit('picture');
  }

  #lost({ message }: PoseNotice): void {
    const now = performance.now();
    this.#losses.push(now);
    if (this.#losses.filter((t) => now - t < MAX_LOSSES.withinMs).length > MAX_LOSSES.count) {
      this.messages.error(`The GPU device was lost several times (${message}). Reload the page to try again.`);
      return;
    }
    this.messages.status('The GPU device was lost. Opening another …');
    this.#recovering = true;
    this.requestPicture();
  }
}

function progressText(name: string, { done, total }: Progress): string {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  return `Loading the model ${name}: ${mb(done)}${total ? ` of ${mb(total)}` : ''} MB`;
}
