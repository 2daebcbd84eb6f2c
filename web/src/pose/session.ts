import type { ModelFrame } from '../../../src/data/named-pose.js';
import type { SynthPicture } from '../../../src/data/synth.js';
import type { PosePair } from '../../../src/model/pairs.js';
import { isValid, type Pose } from '../../../src/pose/skeleton.js';
import { Calls, WorkerFailure } from '../rpc.js';
import type { Person } from './framing.js';
import { type Library, libraryFor, type Sample } from './library.js';
import type { Generated, Inside, Model, ModelFile, PoseCalls, PoseNews, Progress } from './protocol.js';

/** A drawn picture of the library. */
export interface Drawn extends SynthPicture {
  readonly label: string;
}

/** What changed. */
export type Change = 'model' | 'person' | 'target' | 'picture' | 'busy' | 'people' | 'poses';

/** What the page shows the visitor besides its state. */
export interface Voice {
  status(text: string): void;
  error(text: string): void;
  /** What was made of a file that its author should know. */
  note(text: string): void;
}

/** The checkpoint that comes with the app. */
const OWN: ModelFile = { name: 'person.safetensors', url: new URL('person.safetensors', document.baseURI).href };
/** Losses of the device within this time after which the page gives up. */
const LOSSES = { most: 3, withinMs: 60_000 };

/** The state of the Pose page. It outlives the page, so that coming back finds everything as it was. */
export class Session {
  model: Model | undefined;
  /** Whether the model is the one that comes with the app. */
  own = true;
  library: Library | undefined;
  people: Drawn[] = [];
  poses: Drawn[] = [];
  person: Person | undefined;
  target: Pose | undefined;
  picture: Generated | undefined;
  /** Milliseconds from the opening of the page to its first picture. */
  firstPictureMs: number | undefined;
  voice: Voice = { status: () => {}, error: () => {}, note: () => {} };

  readonly #calls = new Calls<PoseCalls, PoseNews>(
    new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'pose' }),
    (news) => this.#lost(news),
  );
  readonly #listeners = new Map<Change, Set<() => void>>();
  readonly #losses: number[] = [];
  #wanted = false;
  #busy = false;
  #recovering = false;

  on(change: Change, listener: () => void): () => void {
    const listeners = this.#listeners.get(change) ?? new Set();
    this.#listeners.set(change, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners.get(change) ?? []) listener();
  }

  get frame(): ModelFrame | undefined {
    return this.model && { ...this.model.config, skeleton: this.model.skeleton };
  }

  /** The model that comes with the app. */
  async loadOwn(): Promise<void> {
    await this.#load(OWN);
    this.own = true;
    this.#tell('model');
  }

  /** A checkpoint of the visitor's. Rejects with what is wrong with it; the model before stays. */
  async loadFile(file: File): Promise<void> {
    this.voice.status(`Reading ${file.name} …`);
    await this.#load({ name: file.name, file });
    this.own = false;
    this.#tell('model');
  }

  async #load(file: ModelFile): Promise<void> {
    const before = this.model;
    const model = await this.#calls.call('load', file, (p) => this.voice.status(progressText(file.name, p)));
    this.model = model;
    this.picture = undefined;
    const { config, skeleton } = model;
    const same =
      before?.config.height === config.height &&
      before.config.width === config.width &&
      JSON.stringify(before.skeleton) === JSON.stringify(skeleton);
    if (same) {
      this.want();
      return;
    }
    this.library = libraryFor(skeleton);
    [this.people, this.poses, this.person, this.target] = [[], [], undefined, undefined];
    this.voice.status('Drawing sample people …');
    void this.#drawLibrary(model).catch((error: Error) => this.voice.error(error.message));
  }

  /** Draws the first person and pose, asks for their picture, then draws the rest. */
  async #drawLibrary(model: Model): Promise<void> {
    const library = this.library;
    if (!library) {
      this.voice.status(
        `The skeleton “${model.skeleton.name}” is not one that the app can draw: give a picture of your own.`,
      );
      return;
    }
    const { height, width } = model.config;
    const { object, seed } = library;
    const draw = async ({ label, identity, index }: Sample, change: Change): Promise<Drawn | undefined> => {
      // The app's model was trained in the studio; a pose of the library is a pose wherever it was taken
      const place = change === 'people' ? 'studio' : 'anywhere';
      const drawn = await this.#calls.call('draw', { object, seed, identity, index, height, width, place });
      return isValid(model.skeleton, drawn.pose) && model === this.model ? { label, ...drawn } : undefined;
    };
    const [people, poses] = [[...library.people], [...library.poses]];
    const next = async (samples: Sample[], list: Drawn[], change: Change) => {
      const sample = samples.shift();
      const drawn = sample && (await draw(sample, change));
      if (!drawn) return;
      list.push(drawn);
      if (change === 'people' && !this.person) this.choosePerson(drawn);
      if (change === 'poses' && !this.target) this.setTarget(drawn.pose);
      this.#tell(change);
    };
    while ((people.length || poses.length) && model === this.model) {
      await next(people, this.people, 'people');
      await next(poses, this.poses, 'poses');
    }
  }

  choosePerson({ label, image, pose }: Drawn): void {
    this.setPerson({ label, image, pose });
  }

  setPerson(person: Person): void {
    this.person = person;
    // With nobody to borrow a pose from, the first is the person's own.
    this.target ??= this.library ? undefined : person.pose;
    this.#tell('person');
    if (this.target) this.#tell('target');
    this.want();
  }

  setTarget(pose: Pose): void {
    this.target = pose;
    this.#tell('target');
    this.want();
  }

  /** Looks inside of the model at the present pair; nothing where there is none. */
  async inspect(): Promise<Inside | undefined> {
    const pair = this.#pair();
    return pair && this.#calls.call('inspect', pair);
  }

  #pair(): PosePair | undefined {
    const { person, target } = this;
    return person && target && { image: person.image, pose: person.pose, target };
  }

  /** Asks for the picture of the present pair: one is made at a time, and of all that are asked for meanwhile only the last. */
  want(): void {
    this.#wanted = true;
    if (!this.#busy) void this.#generate();
  }

  async #generate(): Promise<void> {
    this.#setBusy(true);
    while (this.#wanted) {
      this.#wanted = false;
      const { model } = this;
      const pair = this.#pair();
      if (!model || !pair) break;
      if (!this.picture && !this.#recovering) this.voice.status('Preparing the network …');
      try {
        const picture = await this.#calls.call('generate', pair);
        // It may have been another model's.
        if (model === this.model) this.#show(picture);
      } catch (error) {
        // A lost device is reported by itself, and asked again from there.
        const lost = error instanceof WorkerFailure && error.name === 'DeviceLostError';
        if (!lost && model === this.model) this.voice.error((error as Error).message);
      }
    }
    this.#setBusy(false);
  }

  /** Whether a picture is being made. */
  get busy(): boolean {
    return this.#busy;
  }

  #setBusy(busy: boolean): void {
    this.#busy = busy;
    this.#tell('busy');
  }

  #show(picture: Generated): void {
    const first = !this.picture;
    this.picture = picture;
    this.firstPictureMs ??= performance.mark('first-picture').startTime;
    if (first) this.voice.status('Ready.');
    if (this.#recovering) this.voice.status('The GPU device was lost; another was opened, and the page goes on.');
    this.#recovering = false;
    this.#tell('picture');
  }

  #lost({ message }: PoseNews): void {
    const now = performance.now();
    this.#losses.push(now);
    if (this.#losses.filter((t) => now - t < LOSSES.withinMs).length > LOSSES.most) {
      this.voice.error(`The GPU device was lost again and again (${message}). Reload the page to try once more.`);
      return;
    }
    this.voice.status('The GPU device was lost. Opening another …');
    this.#recovering = true;
    this.want();
  }
}

function progressText(name: string, { done, total }: Progress): string {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  return `Loading the model ${name}: ${mb(done)}${total ? ` of ${mb(total)}` : ''} MB`;
}
