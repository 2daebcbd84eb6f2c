import { open } from '../../../src/browser.js';
import { withFileKind } from '../../../src/data/file-kind.js';
import { fromTensor } from '../../../src/data/image.js';
import { SYNTH_OBJECTS } from '../../../src/data/synth-object.js';
import type { Engine } from '../../../src/gpu/engine.js';
import { UsageError } from '../../../src/gpu/errors.js';
import { ParameterStorage } from '../../../src/gpu/parameter-storage.js';
import { type Checkpoint, fromCheckpoint } from '../../../src/model/checkpoint.js';
import { inspectPair } from '../../../src/model/inspection.js';
import { generatorParameters, type PosePair, pairData } from '../../../src/model/pairs.js';
import { Generator } from '../../../src/model/trainer.js';
import { serve } from '../rpc.js';
import { insideOf } from './inside-pictures.js';
import type { Generated, Inside, Model, ModelFile, PoseCalls, PoseNews, Progress } from './protocol.js';

/** The generator of the Pose page, in a worker so that dragging never waits for it. */

interface Loaded {
  readonly checkpoint: Checkpoint;
  readonly parameters: ReturnType<typeof generatorParameters>;
}

let engine: Promise<Engine> | undefined;
let loaded: Loaded | undefined;
let made: { readonly of: Loaded; readonly on: Engine; readonly generator: Generator } | undefined;

/** The open device; after it was lost, another. */
function device(): Promise<Engine> {
  engine ??= open({ label: 'pose' }).then(
    (opened) => {
      void opened.device.lost.then(({ reason, message }) => {
        engine = undefined;
        tell({ kind: 'lost', message: message || reason });
      });
      return opened;
    },
    (error) => {
      engine = undefined;
      throw error;
    },
  );
  return engine;
}

function model(): Loaded {
  if (!loaded) throw new UsageError('no checkpoint is loaded; drop one on the page');
  return loaded;
}

/** The last of the jobs on the device: one runs at a time, so that nothing is freed that another still uses. */
let last: Promise<unknown> = Promise.resolve();

function inTurn<T>(job: () => Promise<T>): Promise<T> {
  const mine = last.then(job, job);
  last = mine.catch(() => {});
  return mine;
}

/** The compiled generator of a checkpoint; that of the one before is freed. Only in turn. */
async function generatorOf(wanted: Loaded): Promise<Generator> {
  const on = await device();
  if (made?.of === wanted && made.on === on) return made.generator;
  if (made) {
    const { of, on: before, generator } = made;
    made = undefined;
    generator.destroy();
    if (of !== wanted) ParameterStorage.of(before, of.parameters).destroy();
  }
  const { config } = wanted.checkpoint.info;
  const generator = await Generator.create(on, config, 1, { set: wanted.parameters });
  made = { of: wanted, on, generator };
  return generator;
}

async function load(file: ModelFile, report: (progress: Progress) => void): Promise<Model> {
  // Both take their time; the device is needed either way.
  device().catch(() => {});
  const bytes = 'url' in file ? await fetched(file, report) : new Uint8Array(await file.file.arrayBuffer());
  const checkpoint = checkpointOf(bytes, file.name);
  const parameters = generatorParameters(checkpoint);
  loaded = { checkpoint, parameters };
  // It compiles while the page draws its first person; `generate` waits for it, and tells what went wrong.
  const wanted = loaded;
  inTurn(() => generatorOf(wanted)).catch(() => {});
  const { config, skeleton, step } = checkpoint.info;
  return { name: file.name, config, skeleton, step, parameters: parameters.count };
}

function checkpointOf(bytes: Uint8Array, name: string): Checkpoint {
  try {
    return fromCheckpoint(bytes, name);
  } catch (error) {
    throw withFileKind(error, bytes, name, 'not a checkpoint of pose-gan');
  }
}

async function fetched(
  { url, name }: { url: string; name: string },
  report: (progress: Progress) => void,
): Promise<Uint8Array> {
  const advice = 'Load a checkpoint of your own instead, or reload the page.';
  const response = await fetch(url).catch((error: Error) => {
    throw new UsageError(`${name} could not be fetched: ${error.message}. ${advice}`);
  });
  if (!response.ok || !response.body)
    throw new UsageError(`${name} could not be fetched: the server answered ${response.status}. ${advice}`);
  // What is compressed on the way is longer than its Content-Length says.
  const encoded = response.headers.get('content-encoding') !== null;
  const total = encoded ? 0 : Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let done = 0;
  const reader = response.body.getReader();
  for (let next = await reader.read(); next.value; next = await reader.read()) {
    chunks.push(next.value);
    done += next.value.length;
    report({ done, total });
  }
  const bytes = new Uint8Array(done);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function generate(pair: PosePair): Promise<Generated> {
  const wanted = model();
  const { config, skeleton } = wanted.checkpoint.info;
  const net = await generatorOf(wanted);
  const begin = performance.now();
  // The same noise for every picture, or it would flicker while a joint is dragged.
  net.random.step = 0;
  const values = await net.generate(pairData(config, skeleton, [pair]));
  return { image: fromTensor(values, config.width, config.height), ms: performance.now() - begin };
}

async function inspect(pair: PosePair): Promise<Inside> {
  const { checkpoint, parameters } = model();
  const on = await device();
  const { config, skeleton } = checkpoint.info;
  const data = pairData(config, skeleton, [pair]);
  const found = await inspectPair(on, { config, data, generator: parameters, features: true });
  return insideOf(found, config, skeleton, pair.image);
}

const tell = serve<PoseCalls, PoseNews>({
  load,
  generate: (pair) => inTurn(() => generate(pair)),
  inspect: (pair) => inTurn(() => inspect(pair)),
  draw: async ({ object, ...options }) => {
    const drawn = SYNTH_OBJECTS[object];
    if (!drawn) throw new UsageError(`nothing draws a ${object}`);
    return drawn.draw(options);
  },
});
